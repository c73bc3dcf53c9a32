# template_cases.py -- small templates, each of which says one thing of Jinja.
# SPDX-License-Identifier: Apache-2.0
"""CASES are rendered with CASE_DATA by make-template-goldens.py."""

CASE_DATA = {
    "i": 7, "neg": -3, "zero": 0, "f": 2.5, "big": 12345678901234567890,
    "tiny": 1e-7, "huge": 1e22, "yes": True, "no": False, "nil": None,
    "s": "Hello, World", "blank": "  padded\t\n", "empty": "", "u": "Ünï漢字🎉",
    "q": "it's \"q\" \\ \n\t\u0001", "lines": "one\ntwo\r\nthree\n\nfive",
    "words": "the quick  brown fox", "nums": [3, 1, 2], "mixed": [1, "1", 1.0, True, None],
    "strs": ["b", "A", "c", "a"], "none_list": [], "d": {"b": 1, "a": 2, "C": 3},
    "nested": {"x": {"y": [{"z": "deep"}]}, "items": "mine", "get": 5, "k v": 1},
    "users": [{"name": "Bo", "age": 3, "tags": ["x"]}, {"name": "al", "age": 1, "tags": []},
              {"name": "Cy", "age": 2}],
    "html": "<a href='x'>&amp;</a>", "digits": "42", "float_text": " 3.5 ",
}

VALUES = ["i", "neg", "zero", "f", "big", "tiny", "huge", "yes", "no", "nil", "s", "blank",
          "empty", "u", "q", "lines", "nums", "mixed", "strs", "none_list", "d", "nested",
          "users", "missing", "range(3)", "(1, 'a')", "(1,)", "()", "[[]]", "{1: 2, none: 'x'}",
          "digits", "float_text", "d.keys()", "d.values()", "d.items()", "1e16", "1e15",
          "123456789.123", "0.1 + 0.2", "1/3", "5e-324", "1e-5", "0.0001", "-0.0", "1.0"]

FILTERS = ["abs", "capitalize", "default", "default('x')", "default('x', true)", "d('y')",
           "first|string", "last|string", "float", "float(1.5)", "int", "int(9)", "int(0, 16)", "items|list",
           "join", "join('-')", "length", "count", "list", "lower", "upper", "title", "trim",
           "reverse|list", "round", "round(1)", "safe", "sort", "sort(reverse=true)", "string",
           "sum", "tojson", "tojson(indent=2)", "unique|list", "min|string", "max|string",
           "replace('o', '0')", "indent", "map('string')|list", "select|list", "reject|list",
           "dictsort", "dictsort(by='value')", "dictsort(true)", "dictsort(reverse=true)",
           "tojson(ensure_ascii=true)", "tojson(sort_keys=true)", "tojson(separators=(',', ':'))",
           "tojson(indent=4, separators=(',', ' = '))", "tojson(indent='\t')", "tojson(indent=0)"]

TESTS = ["defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number",
         "string", "mapping", "sequence", "iterable", "callable", "odd", "even", "lower", "upper",
         "escaped", "divisibleby 3", "divisibleby(2)", "eq 7", "equalto('x')", "== 1", "ne 7",
         "sameas none", "sameas true", "in [7, 'x']", "in 'Hello, World'", "gt 2", "lt 2", "ge 7",
         "le 7", "greaterthan 1", "lessthan 9", "not none", "not defined", "filter", "test"]

METHODS = ["upper()", "lower()", "title()", "capitalize()", "swapcase()", "strip()", "lstrip()",
           "rstrip()", "strip('Hd')", "lstrip(' the')", "rstrip('xof')", "split()", "split(' ')",
           "split(None, 1)", "split('o', 1)", "split(maxsplit=2)", "rsplit(None, 1)",
           "rsplit(' ', 1)", "rsplit('o')", "splitlines()", "splitlines(true)", "startswith('H')",
           "startswith(('x', 'H'))", "endswith('ld')", "endswith('l', 0, 4)", "startswith('l', 2)",
           "replace('o', 'OO')", "replace('l', '', 1)", "replace('', '.')", "replace('', '.', 2)",
           "find('o')", "find('o', 5)", "find('zz')", "rfind('o')", "rfind('o', 0, 5)", "index('o')",
           "rindex('o')", "index('zz')", "count('l')", "count('')", "count('o', 5)", "isdigit()",
           "isalpha()", "isalnum()", "isspace()", "isupper()", "islower()", "isdecimal()",
           "removeprefix('He')", "removesuffix('ld')", "zfill(15)", "ljust(15)|length", "ljust(15, '.')",
           "rjust(15, '.')", "center(15, '.')", "center(16, '.')", "partition('o')", "rpartition('o')",
           "partition('zz')", "rpartition('zz')", "join(['x', 'y'])", "join('abc')", "nothing",
           "nothing()", "format(1)", "__class__", "_private", "encode"]

EXPRESSIONS = r"""
1 + 2 * 3
7 - 2 - 1
2 ** 3 ** 2
2 ** -1
2 ** 0.5
-2 ** 2
7 // 2
-7 // 2
7 // -2
7 % 3
-7 % 3
7 % -3
7.5 // 2
-7.5 // 2
7.5 % 2
-7.5 % 2
7.5 % -2
1 / 2
4 / 2
1 // 0
1 / 0
1 % 0
1.0 // 0
3.0 % 0
0 // 5.5
-0.0 // 3
10 ** 15
10 ** 18
2 * 3.0
1 - true
true + true
- true
+ true
- f
+ neg
- s
1 + '1'
'1' + 1
'a' ~ 1 ~ none ~ true ~ 1.5
'a' * 3
3 * 'a'
'a' * -1
'ab' * zero
[1] * 2
2 * [1, 2]
(1,) * 2
[1] + [2]
(1,) + (2,)
[1] + (2,)
{} + {}
none + 1
missing + 1
1 + missing
missing ~ 'x'
missing * 2
'x' + missing
missing.x
missing['x']
missing()
nil.x
nil.x.y
nil['x']
i.x
i.x is defined
s.x is defined
d.b
d['b']
d.zz
d['zz']
d.zz.y
nested.x.y[0].z
nested['x']['y'][0]['z']
nested.x.y.0.z
nested.items
nested['items']
nested.get
nested['get']
nested['k v']
nested.keys()|list
d.get('b')
d.get('zz')
d.get('zz', 1)
d.get('zz', default=1)
d.items()|list
d.copy()
d.update({})
d.pop('b')
nums.append(1)
nums.index(1)
nums.count(1)
nums.index(9)
nums[0]
nums[-1]
nums[3]
nums[-4]
nums['x']
nums[1.0]
nums[true]
nums[1:]
nums[:-1]
nums[::-1]
nums[::2]
nums[5:]
nums[-2:]
nums[2:0:-1]
nums[:]
nums[::0]
nums['a':]
nums[none:2]
s[0]
s[-1]
s[99]
s[1:4]
s[::-1]
s[::3]
s[7:]
s[:-7]
s[-3:-1]
s[10:2:-2]
u[0]
u[3]
u[-1]
u[::-1]
u[2:5]
u[1::2]
u|length
range(10)[2:8:3]|list
range(5)[-1]
range(3)
range(1, 9, 3)
range(1, 9, 3)|list
range(5, 0, -2)|list
range(0)|list
range(100001)
range(1, 2, 0)
range('x')
range(1.5)
range(2, 4)|sum
(1, 2)[1]
(1, 2)[::-1]
1 < 2
1 < 2 < 3
1 < 3 < 2
1 == 1.0
1 == true
'1' == 1
'a' < 'b'
'a' < 'B'
'é' < 'z'
[1, 2] < [1, 3]
[1] < [1, 2]
(1,) < (2,)
[1] < (2,)
1 < 'a'
none < 1
none == none
none == false
[] == []
[1, [2]] == [1, [2.0]]
(1,) == [1]
{'a': 1} == {'a': 1.0}
{'a': 1} == {'b': 1}
{'a': 1} != {}
{} < {}
missing == missing
missing == none
missing != 1
missing < 1
1 >= missing
big == big
big > 1
big + 1
i in nums
3 in nums
'3' in nums
'b' in d
'zz' in d
'World' in s
'world' in s
'' in s
1 in s
none in nums
none in s
missing in nums
1 in missing
1 in none
1 in 5
1 not in nums
'z' not in s
not 1 in nums
2 in range(5)
'b' in d.keys()
1 in d.values()
true and false
1 and 2
0 and 2
0 or 2
'' or 'x'
none or 0
1 or missing.x
0 and missing.x
not 0
not ''
not missing
not none_list
1 if yes else 2
1 if no else 2
1 if no
(1 if no) is defined
'a' if no else 'b' if no else 'c'
'a' if no else 'b' if yes else 'c'
(1 if no else 2) + 1
1 if 0 if 1 else 2
[1, 'a', none, true, 1.5, {}]
[1, 2,]
{'a': 1, 'b': [1, 2], 3: none}
{'a': 1, 'a': 2}
{'a': 1, 'b': 2, 'a': 3}
{[]: 1}
{(1, 2): 3}
{1: 'x', 1.0: 'y', true: 'z'}
()
(1)
(1,)
1, 2
'a' 'b' "c"
'\n\t\\\'\"\x41\u00e9\U0001f389\101\q'
"it's"
'say "x"'
["it's", 'say "x"', 'both\'"']
['\x00\x7f\xa0é\u200b\U0001f389\\']
1_000
0x1F
0b101
0o17
1e3
1.5e-3
1_0.2_5
00
007
1.
.5
1.5.x
5 .x
'%s-%s' % (1, 'a')
'%s' % 5
'%d%%' % 99
'%5.1f|%-5s|%05d' % (2.25, 'ab', 42)
'%r' % 'x'
'%x' % 255
'%s' % [1]
'%s %s' % 1
'%s' % (1, 2)
'%d' % 'x'
'%z' % 1
'%+d' % 3
'%.2s|' % 'abc'
'{} {}'.format(1, 'a')
'{1} {0}'.format(1, 2)
'{a}'.format(a=1)
'{{}}'.format()
'{}'.format()
'{:>5}'.format(1)
'%s %s'|format('a', 1)
'a'.join(['x'])
', '.join(strs)
','.join(nums)
dict(a=1)
dict(d, z=9)
dict([('k', 1)])
dict(1)
dict.fromkeys(['a'])
namespace(a=1).a
namespace(a=1).b
namespace(d).C
namespace(_x=1)
joiner()()
cycler(1, 2).next()
cycler()
raise_exception('stop: ' ~ i)
raise_exception()
strftime_now('%Y-%m-%d')
strftime_now('%d %b %Y')
strftime_now('%A %a %B %b %H:%M:%S %I %p %j %U %W %V %G %u %w %y %Y %% %e %k %l %P %C %D %F %T %R %n%t %h %g')
strftime_now('%-d.%-m.%y %_d %-I %^a %#p %03d %c | %x | %X | %r')
strftime_now('%f|%z|%Z|%q|%')
strftime_now('déjà %Y')
strftime_now(5)
strftime_now()
lipsum is defined
range is callable
s.upper is callable
namespace is defined
loop is defined
users|map(attribute='name')|list
users|map(attribute='tags')|list
users|map(attribute='tags', default='?')|list
users|map(attribute='tags.0', default='-')|list
users|selectattr('tags')|map(attribute='name')|list
users|selectattr('age', '>', 1)|map(attribute='name')|list
users|rejectattr('age', 'odd')|list
users|selectattr('tags', 'defined')|list|length
users|selectattr('name', 'equalto', 'al')|first
users|sort(attribute='name')|map(attribute='name')|join
users|sort(attribute='age', reverse=true)|map(attribute='age')|join(',')
users|sort(attribute='age,name')|map(attribute='name')|join
users|sum(attribute='age')
users|sum('age', 10)
users|join(', ', attribute='name')
users|max(attribute='age')
users|min(attribute='name')
nums|map('abs')|list
nums|map('nosuch')|list
nums|select('odd')|list
nums|select('greaterthan', 1)|list
nums|reject('==', 2)|list
strs|map('upper')|join
strs|sort|join
strs|sort(case_sensitive=true)|join
strs|unique|join
strs|unique(case_sensitive=true)|join
strs|map('replace', 'a', 'X')|list
nums|map(attribute=0)|list
strs|map(attribute=0)|join
none|map('x')|list
missing|map('x')|list
missing|selectattr('x')|list
[[1, 2], [3]]|sum(start=[])
['a']|sum
[1, 'a']|sort
[3, none]|sort
[]|max
[]|first
none_list|first|default('e')
nums|first
nums|last
s|first
s|last
d|first
d|last
nums|reverse|first
nums|map('abs')|last
nums|map('abs')|length
(nums|map('abs')) is iterable
missing|first
missing|length
missing|list
missing|join
missing|upper
missing|int
missing|float
missing|abs
missing|tojson
missing|string
missing|items|list
missing|dictsort
[missing]
[missing]|tojson
5|length
none|length
none|upper
none|tojson
none|trim
5|items
d|items|list
'42.9'|int
'x'|int
'0x1f'|int(0, 16)
'1f'|int(base=16)
' 12 '|int
'1_000'|int
'12abc'|int(5)
2.9|int
-2.9|int
true|int
none|int
[]|int
'1e3'|int
'1e3'|float
'inf'|float
'nan'|float
'-Infinity'|float
'1_0.5'|float
'.5'|float
'5.'|float
'1__0'|float
'0b11'|int(0, 2)
2.5|round
3.5|round
-2.5|round
2.675|round(2)
1234.5678|round(-2)
1234|round(-2)
1250|round(-2)
2.1|round(0, 'ceil')
2.9|round(method='floor')
2.15|round(1, 'ceil')
2|round
2|round(1, 'floor')
1e300|round(2)
2.5|round(method='x')
'a b-c (d'|title
"it's o'clock"|title
"it's o'clock".title()
'ßtraße'|upper
'ßx'|capitalize
'ΑΣ ΣΑΣ Σ'|lower
'ǆx'|capitalize
'ﬁx'|title
'İ'|lower
'ŉ'|upper
'éÉ'|title
'१२३'.isdigit()
'²'.isdigit()
'²'.isdecimal()
'Ⅷ'.isalnum()
'漢'.isalpha()
'ǅ'.swapcase()
lines|indent
lines|indent(2)
lines|indent(2, true)
lines|indent(2, false, true)
lines|indent(width='> ', first=true, blank=true)
''|indent
''|indent(2, true)
'a\n'|indent(2, blank=true)
'a\r'|indent(1, blank=true)
5|indent
s|indent('x')
s|trim('Hd')
s|trim(none)
html|e
html|escape
html|safe
html|tojson
q|tojson
u|tojson
u|tojson(ensure_ascii=true)
nested|tojson
[1.0, 1e100, -0.0, 1e-7, 123456789012345680.0]|tojson
['nan'
float, 'inf'
float]|tojson
{1: 2, none: 3, true: 4, 1.5: 5}|tojson
{(1,): 2}|tojson
range(2)|tojson
(1, 2)|tojson
d.keys()|tojson
namespace(a=1)|tojson
[]|tojson(indent=2)
{}|tojson(indent=2)
[[], {}, [1]]|tojson(indent=1)
{'b': 1, 'a': 2}|tojson(sort_keys=true)
{'b': 1, 2: 3}|tojson(sort_keys=true)
d|tojson(true)
d|tojson(bad=1)
d|tojson(indent=none)
users|tojson(indent=2)
s|replace('l', 'L')
s|replace('l', 'L', 1)
s|replace('', '-')
5|replace('5', '6')
s|replace('l')
s|attr('upper')
s|attr('nope')
d|attr('b')
'upper' is filter
'nope' is filter
'odd' is test
i is divisibleby(zero)
s is divisibleby 2
5 is odd and 4 is even
i is not none and yes
i is number and i is not string
d is mapping
nums is sequence and nums is not mapping
none is none
1 is sameas 1
s is in s
1 is in [1]
i is eq(7)
'x' is string == true
(1, 2) is sequence
range(3) is sequence
(d
items) is sequence
d.items() is sequence
missing is sequence
missing is iterable
none is iterable
5 is iterable
missing is none
missing is string
missing is false
missing|default(none)
missing|default(1)|default(2)
nil|default(1)
nil|default(1, true)
empty
d('e', boolean=true)
s|length > 5
s|upper ~ 'x'
-5|abs
(-5)|abs
- 5 is number
s.upper().lower().title()
s|upper|lower|title
"a" if s is string and s|length > 3 else "b"
[s, i]|join('/')
{'k': s}.k
{'k': s}['k']
[1, 2, 3][i % 3]
(s ~ i)|length
s ~ i|length
nums == [3, 1, 2]
nums|sort == [1, 2, 3]
(nums
sort) == [1, 2, 3]
not nums == []
d == {'a': 2, 'b': 1, 'C': 3}
true is true
true is boolean
1 is boolean
1 is true
1.0 is integer
1.0 is float
[1, 2]|first is odd
foo(1)
s(1)
i()
none()
[1]()
'x'()
(1)()
s.upper
nums.append is defined
nums.pop is defined
d.clear is undefined
s.__class__ is defined
d.__class__ is defined
d['__class__']
[1,,2]
f(a=1, 2)
f(**d, a=1)
f(*nums, *nums)
range(*[1, 4])|list
range(**{})
dict(**d)
dict(**{'b': 1}, b=2)
dict(**nums)
dict(*[d])
namespace(**d).b
'a'.replace(*['a', 'b'])
'a b'.split(sep=' ')
'a b'.split(nosuch=1)
'a b'.split(' ', 1, 2)
s.split('')
s.split(5)
s.strip(5)
s.startswith(5)
s.startswith(['H'])
s.startswith(())
s.find('')
s.rfind('')
s.find('', 99)
s.count('', 99)
s.find('o', -4)
s.find('o', none, 3)
''.split()
''.split(' ')
' a  b '.split()
' a  b '.split(' ')
' a b c '.split(none, 1)
' a b c '.rsplit(none, 1)
' a b '.split(none, 0)
' a b '.rsplit(none, 0)
'a,b,c'.rsplit(',', 1)
'aaa'.split('aa')
'aaa'.rsplit('aa')
'a\u2028b\x1cc\x0bd'.splitlines()
''.splitlines()
'\n'.splitlines()
'-5'.zfill(4)
'5'.zfill(0)
'x'.center(4, '.')
'xy'.center(5, '.')
'x'.ljust(3, 'ab')
'a'.join('')
'a'.join([])
'ab'.join('xyz')
'x'.upper(1)
'x'.isdigit(1)
'abc'|reverse
u|reverse
nums|reverse|list
d|reverse|list
""".strip("\n").split("\n")

# No expressions at all.
BROKEN = [
    '1 2',
    '1 +',
    '(1',
    '[1',
    '{1: }',
    'a b',
    "'x",
    '1 is',
    '1 is nosuch',
    '1|nosuch',
    '1||2',
    'x y z',
    '(',
    ')',
    '1 ** ',
    'not',
    'and',
    'if',
    '1 is not',
    '1 in',
    '.a',
    'a.',
    "a.'b'",
    '',
    '}',
    '1 }',
    'i]',
    'i)',
    '(i]',
    '{i',
    "'a",
    '"',
    '1 if',
    '1 if 2 else',
    '[a for a in nums]',
    'lambda: 1',
    'i = 1',
    'i == ',
    'i ! 1',
    'i & 1',
    '@i',
    '$i',
    'i ? 1',
    '`i`',
    'i;1',
    'i := 1',
    'i is defined is none',
    's is string is true',
]

STATEMENTS = [
    # white space
    "a\n{% if yes %}\nb\n{% endif %}\nc\n", "a\n  {% if yes %}\n  b\n  {% endif %}\n  c\n",
    "a {%- if yes -%} b {%- endif -%} c", "a\n\n  {%- if yes %}\n\n b{% endif +%}\n c",
    "a\n  {%+ if yes %}b{% endif %}\n", "  {{ i }}  \n", "  {{- i -}}  \n x", "a {# c #} b", "a\n  {# c #}\nb",
    "a {#- c -#} b", "a\n {#+ c +#}\n b", "{# a {% x %} {{ y }} #}z", "x{% raw %} {{ a }} {% b %} {% endraw %}y",
    "x\n  {% raw %}\n  {{ a }}\n  {% endraw %}\ny", "x {%- raw -%} a {%- endraw -%} y", "x\n{% raw -%}\n a\n{%- endraw %}\ny",
    "{{ '}}' }}{{ '%}' }}", "{{ {'a': {'b': 1}}['a']['b'] }}", "{{{'a': 1}.a}}", "line\r\nline\rline\n", "x\n", "x\n\n", "\n", "",
    "{% if yes %}\r\na\r\n{% endif %}", "{%- if yes %}\n\ta{% endif %}", "\t {% set x = 1 %}\t\n{{ x }}", "a{% set x = 1 %}\n\nb",
    "{{ 'a\nb' }}", "{{ 'a\\\nb' }}", "{{ i\n+\n1 }}", "{%set x=1%}{{x}}", "{{-1}}", "{{ -1 }}", "{{- -1 }}", "{{+1}}", "{ { } } {x} %} }} #}",
    "é{{ u }}\u2028{% if yes %}\u00a0{% endif %}", "a\u00a0{%- if yes %}b{% endif %}", "\u2003{% if yes %}x{% endif %}",
    # if
    "{% if no %}a{% elif i == 7 %}b{% elif yes %}c{% else %}d{% endif %}", "{% if no %}a{% else %}d{% endif %}", "{% if missing %}a{% endif %}z",
    "{% if yes: %}a{% else: %}b{% endif %}", "{% if 1, 2 %}t{% endif %}", "{% if no %}{% else %}{% elif yes %}{% endif %}",
    # for
    "{% for x in nums %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ x }};{% endfor %}",
    "{% for x in nums %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {{ loop.previtem is defined }}{{ loop.nextitem is defined }}|{% endfor %}",
    "{% for x in none_list %}a{% else %}empty{% endfor %}", "{% for x in nums if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% else %}none{% endfor %}",
    "{% for x in nums if x > 5 %}a{% else %}none{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}", "{% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}{{ b }} {% endfor %}", "{% for a, b in nums %}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for (a, b) in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}",
    "{% for c in u %}{{ c }}.{% endfor %}", "{% for x in missing %}a{% else %}b{% endfor %}", "{% for x in none %}{% endfor %}", "{% for x in 5 %}{% endfor %}",
    "{% for x in nums %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "{% for x in nums %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}e{% endfor %}",
    "{% for x in nums %}{% continue %}{% else %}e{% endfor %}", "{% for x in nums %}{% break %}{% else %}e{% endfor %}", "{% break %}", "{% macro m() %}{% break %}{% endmacro %}",
    "{% for x in nums %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "{% for x in [1, 2] %}{% for y in [3, 4] %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in nums %}{% set y = x %}{% endfor %}{{ y is defined }}{{ x is defined }}", "{% set y = 0 %}{% for x in nums %}{{ y }}{% set y = x %}{{ y }} {% endfor %}{{ y }}",
    "{% for x in nums %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{% endfor %}", "{% for x in nums %}{{ loop.nosuch }}{% endfor %}",
    "{% for x in nums recursive %}{{ x }}{% endfor %}", "{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}",
    "{% for x in nums %}{{ loop(nums) }}{% endfor %}", "{% set ns = namespace(stop=false) %}{% for x in nums if not ns.stop %}{{ x }}{% if x == 1 %}{% set ns.stop = true %}{% endif %}{% endfor %}",
    "{% set ns = namespace(stop=false) %}{% for x in nums if not ns.stop %}{{ x }}{{ loop.last }}{% set ns.stop = x == 1 %}{% endfor %}", "{% for x in nums|map('string') %}{{ loop.length }}{{ loop.last }}{% endfor %}",
    "{% set g = nums|map('string') %}{% for x in g %}{{ x }}{% endfor %}{% for x in g %}{{ x }}{% endfor %}.", "{% set g = nums|reverse %}{{ g|list }}{{ g|list }}", "{% set g = nums|select %}{{ 3 in g }}{{ g|list }}",
    "{% for x in range(3) %}{{ x }}{{ ',' if not loop.last }}{% endfor %}", "{% for i in nums %}{{ i }}{% endfor %}{{ i }}", "{% for loop in nums %}{% endfor %}", "{% for x in nums %}{% set loop = 1 %}{% endfor %}",
    "{% for x in nums, strs %}{{ x|length }}{% endfor %}", "{% for x in nums if x %}{{ loop.previtem }}{% endfor %}", "{% for x in d.values() %}{{ x }}{% endfor %}",
    "{% for m in users if m.tags is defined and m.tags %}{{ m.name }}{% endfor %}", "{% for x in nums %}{{ x }}", "{% for x nums %}{% endfor %}", "{% endfor %}", "{% for x in nums %}{% endif %}",
    # set
    "{% set x = 1 %}{{ x }}", "{% set x, y = 1, 2 %}{{ x }}{{ y }}", "{% set x, y = 'ab' %}{{ x }}{{ y }}", "{% set x, y = 1 %}", "{% set (x, y) = [1, 2] %}{{ x + y }}", "{% set x = 1, 2 %}{{ x }}",
    "{% set x %}a{{ i }}b{% endset %}[{{ x }}]", "{% set x | upper %}a{{ i }}b{% endset %}[{{ x }}]", "{% set x | replace('a', 'b') | upper %}a{% endset %}{{ x }}", "{% set x %}{% set y = 1 %}{% endset %}{{ y is defined }}",
    "{% set ns = namespace(a=1) %}{% set ns.a = 2 %}{% set ns.b = 3 %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}{{ ns['a'] }}", "{% set ns = namespace() %}{% for x in nums %}{% set ns.t = (ns.t or 0) + x %}{% endfor %}{{ ns.t }}",
    "{% set d.x = 1 %}", "{% set missing.x = 1 %}", "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}", "{% set ns = namespace() %}{% set ns.a %}x{{ i }}{% endset %}{{ ns.a }}", "{% set ns = namespace() %}{% set ns._a = 1 %}",
    "{% set true = 1 %}", "{% set x.y.z = 1 %}", "{% set 'x' = 1 %}", "{% set x = %}", "{% set %}", "{% set i = i + 1 %}{{ i }}", "{% if yes %}{% set z = 1 %}{% endif %}{{ z }}", "{% set ns = namespace(d) %}{{ ns.b }}", "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a + ns.b }}",
    "{% set ns = namespace(x=[]) %}{% for i in nums %}{% set ns.x = ns.x + [i] %}{% endfor %}{{ ns.x }}", "{% set ns = namespace(s='') %}{% for c in s %}{% set ns.s = c ~ ns.s %}{% endfor %}{{ ns.s }}",
    # macros
    "{% macro m(a, b=2) %}[{{ a }}{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=5, a=4) }}{{ m() }}{{ m(a=1) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}",
    "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "{% macro m(a) %}{{ a }}{{ varargs|list }}{{ kwargs|dictsort }}{% endmacro %}{{ m(1, 2, y=3, x=4) }}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}", "{% macro m() %}{% set x = 2 %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}{{ x }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}in{{ i }}{% endcall %}", "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}", "{% macro m() %}x{% endmacro %}{% call m() %}{% endcall %}", "{% macro m() %} a {% endmacro %}[{{ m()|trim }}]",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{{ m() }}{% macro m() %}x{% endmacro %}", "{% macro m(a, a2=1, a3) %}{% endmacro %}", "{% macro m %}{% endmacro %}", "{% macro m() %}", "{% call i %}{% endcall %}",
    "{% for x in nums %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro outer(x) %}{% macro inner() %}{{ x }}{% endmacro %}{{ inner() }}{{ inner() }}{% endmacro %}{{ outer(1) }}{{ outer(2) }}", "{% macro m(x) %}{{ x|upper }}{% endmacro %}{{ m('a') ~ m(x='b') }}{{ m(*['c']) }}{{ m(**{'x': 'd'}) }}",
    "{% macro m() %}{% for x in nums %}{{ loop.index }}{% endfor %}{% endmacro %}{{ m() }}", "{% set ns = namespace() %}{% macro m() %}{% set ns.v = 5 %}{% endmacro %}{{ m() }}{{ ns.v }}",
    "{% macro m(caller=none) %}{{ caller() if caller else 'no' }}{% endmacro %}{{ m() }}{% call m() %}yes{% endcall %}", "{% macro deep(n) %}{{ deep(n + 1) if n < 40 }}{{ n % 10 }}{% endmacro %}{{ deep(0) }}", "{% macro m(a=1) %}{{ a }}{% endmacro %}{{ m(none) }}{{ m(missing) }}", "{{ m.name }}{% macro m() %}{% endmacro %}{{ m.name }}",
    # others
    "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter trim|replace('a', 'b') %} a {% endfilter %}", "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}", "{% with a = i %}{% set i = 3 %}{{ a }}{{ i }}{% endwith %}{{ i }}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}",
    "{% set a = 1 %}{% with a = 2, b = a %}{{ b }}{% endwith %}", "{% generation %}a{{ i }}{% endgeneration %}", "{% generation %}{% set x = 1 %}{% endgeneration %}{{ x is defined }}", "{% for x in nums %}{% generation %}{{ x }}{{ loop.index }}{% endgeneration %}{% endfor %}",
    "{% print i, s %}", "{% print %}", "{% do x %}", "{% nosuch %}", "{% trans %}{% endtrans %}", "{% if %}{% endif %}", "{% if yes %}", "{% if yes }}{% endif %}", "{{ i", "{{ i %}", "{% if yes %}{{ i }}{% endif", "{# never closed", "{% raw %}never", "{{ }}", "{% %}", "{{ i }} }}",
    "{% set j = joiner(', ') %}{% for x in nums %}{{ j() }}{{ x }}{% endfor %}", "{% set c = cycler('a', 'b') %}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.next() }}{% set _ = c.reset() %}{{ c.current }}", "{{ [i, [s, {'a': (1,)}]] }}", "{{ users[0] }}", "{{ d.items()|list }}",
    "{{ raise_exception('no ' ~ s) }}", "{% if no %}{{ raise_exception('x') }}{% endif %}ok", "{{ undefined_function('x') if undefined_function is defined else 'n' }}", "{% if f2 is defined %}{{ f2() }}{% endif %}ok", "{{ i if i is defined and i > 3 else 'x' }}",
    "{{ (nums|sort)[0] }}{{ (s|upper)[:3] }}{{ nums|sort|first }}", "{{ nums | join ( ', ' ) }}", "{{ s|replace('l','L')|replace('L','l')|length }}", "{{ 'a' in 'abc' and 'd' not in 'abc' }}", "{{ not true == false }}", "{{ 'x' if not i else 'y' }}",
    "{% for key, value in nested.x.items() %}{{ key }}{{ value[0].z }}{% endfor %}", "{{ '%s' % nested.x }}", "{{ (1, 2) == (1, 2) }}{{ (1, 2) ~ '' }}", "{{ d.items()|sort }}", "{{ users|map(attribute='name')|map('lower')|sort|join(' ') }}", "{{ lines.split('\\n')|map('trim')|select|list }}",
    "{{ 'a\\u00e9\\n' ~ '\\x41' }}", "{{ \"a\\\"b\" ~ 'c\\'d' }}", "{{ 5 is integer and 5.0 is not integer }}", "{{ none is none and none is not undefined }}", "{{ [] is sequence and {} is mapping and '' is string }}",
]

CASES = [f"{{{{ {value} }}}}" for value in VALUES]
CASES += [f"{{{{ ({value})|{name} }}}}" for name in FILTERS for value in VALUES
          if "tojson" not in name or "(" not in value]
CASES += [f"{{{{ ({value}) is {name} }}}}" for name in TESTS for value in VALUES]
CASES += [f"{{{{ {value}.{name} }}}}" for name in METHODS
          for value in ("s", "words", "u", "empty", "blank", "digits", "i")]
CASES += [f"{{{{ {text} }}}}" for text in EXPRESSIONS + BROKEN]
CASES += STATEMENTS

# What this interpreter leaves out: integers past 64 bits but for printing,
# escaping, formats with a specification, lipsum, generators that are lazy.
# What Python prints with an address is left out by the script.
SKIPPED = {
    "{{ (huge)|int }}", "{{ (huge)|int(9) }}", "{{ (huge)|int(0, 16) }}",
    "{{ (big) is odd }}", "{{ (big) is even }}", "{{ (big) is divisibleby 3 }}",
    "{{ (big) is divisibleby(2) }}", "{{ big + 1 }}", "{{ '{:>5}'.format(1) }}",
    "{{ dict.fromkeys(['a']) }}", "{{ lipsum is defined }}", "{{ html|e }}",
    "{{ html|escape }}", "{{ none|map('x')|list }}", "{{ missing|map('x')|list }}",
}
CASES = [case for case in CASES if case not in SKIPPED]
