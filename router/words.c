/* words.c -- the table of words, and its index. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/words.h"

#include <assert.h>
#include <pthread.h>

const char *word_language_code(enum word_language language)
{
	static const char codes[LANGUAGE_COUNT][4] = {"en", "de", "fr", "es",
	    "it", "pt", "nl", "pl", "tr", "ru", "uk", "zh", "ja", "ko", "ar",
	    "fa", "hi", "el", "he", "th"};

	return codes[language];
}

/* --- the words ---------------------------------------------------------- */

/* Articles, pronouns, prepositions, question words: what every text has. */
static const struct {
	enum word_language language;
	const char *words;
} function_words[] = {
    {LANGUAGE_EN,
	"the of and to in is are was were be been it this that these those "
	"with for on as at by from or but if not you your i my me we our they "
	"their he she his her its have has had do does did will would can "
	"could should what which who when where why how there here all any "
	"an into about between than then so only each please give write tell "
	"make find i'm don't what's can't let a up good use using some like no "
	"more most following answer question below text that's"},
    {LANGUAGE_DE,
	"der die das und ist nicht ein eine einen einem einer den dem des zu "
	"von mit für auf im ins sich wie was wer warum wann wo ich du er sie "
	"es wir ihr mein dein auch aber oder wenn dass daß als bei nach aus "
	"über unter hat haben sind war wird werden kann können bitte nur noch "
	"mir mich dir man folgenden folgende alle zwischen zum zur"},
    {LANGUAGE_FR,
	"le la les un une des du de et est ne pas que qui quoi quel quelle "
	"quels quelles pour dans sur avec par plus ce cette ces il elle nous "
	"vous ils je tu mon ma mes ton votre son sa ses au aux ou où comment "
	"pourquoi quand sont être avoir fait c'est l'an s'il plaît suivant "
	"texte en entre très j'ai d'un d'une qu'est comme"},
    {LANGUAGE_ES,
	"el la los las un una unos de del y es no que quién qué cuál cuándo "
	"dónde cómo por para con en se su sus lo al como más pero si este "
	"esta estos está están son fue ser hay mi tu yo me te nos sobre entre "
	"cuando donde siguiente texto puedo cuál porque muy o"},
    {LANGUAGE_IT,
	"il lo la i gli le un una uno di del della dei delle e è non che chi "
	"cosa qual quale quali per con in nel nella su da dal si come perché "
	"quando dove sono ho hai ha essere questo questa questi più ma o mi ti "
	"ci tra al alla seguente anche tutti oggi sulla"},
    {LANGUAGE_PT,
	"o a os as um uma de do da dos das e é não que quem qual quais quando "
	"onde como por para com em no na nos nas se seu sua ao à mais mas ou "
	"este esta isso são foi ser está eu você meu minha sobre entre muito "
	"pelo pela seguinte texto tudo"},
    {LANGUAGE_NL,
	"de het een en van is niet in op te dat die met voor zijn er maar om "
	"ook als bij aan naar uit over door hoe wat wie waar waarom wanneer ik "
	"je jij hij zij we wij mijn jouw deze dit heeft hebben kan kunnen wordt "
	"tussen gaat hallo"},
    {LANGUAGE_PL,
	"i w na z do nie się jest to że o jak po co czy od za dla przez ten ta "
	"te tego są był była było jako ale lub oraz gdzie kiedy dlaczego kto "
	"który która które mnie mi ci moja mój jego jej ich może tym pod bez"},
    {LANGUAGE_TR,
	"ve bir bu da de için ile mi ne nasil neden kim hangi nerede ben "
	"sen biz siz o en çok daha ama veya gibi var yok değil olarak olan her "
	"şu bana kadar sonra hangisidir nedir merhaba"},
    {LANGUAGE_RU,
	"и в во не на я что он она оно мы вы они с со как а то все это этот эта "
	"по к ко но у же за бы из от для о об при или если когда где почему кто "
	"какой какая какие чем так мой твой есть быть был была было ли меня мне "
	"тебя только ещё еще очень"},
    {LANGUAGE_UK,
	"і й в у не на я що він вона воно ми ви вони з із як а то все це цей ця "
	"по до але за б від для о об при або якщо коли де чому хто який яка які "
	"чи та мій твій є бути був була було мене мені тебе тільки ще дуже"},
    {LANGUAGE_AR,
	"في من على إلى عن ما هل هو هي هذا هذه التي الذي أن إن كان كيف لماذا متى "
	"أين كم أنا أنت لا مع أو ثم و"},
    {LANGUAGE_FA,
	"در به از که این را با است برای آن یک می چه چگونه چرا کجا من تو و تا بر"},
};

/* What speaks for a task, and how loudly. */
static const struct {
	enum router_task task;
	unsigned points;
	const char *words;
} task_words[] = {
    {TASK_CODE, 6,
	"python javascript typescript java golang sql html css bash regex "
	"regexp docker dockerfile kubernetes npm react django flask pandas "
	"numpy segfault traceback refactor debug compile compiler codebase "
	"leetcode github webpack postgresql mysql powershell haskell kotlin "
	"c++ c# unittest modulenotfounderror nullpointerexception 代码 函数 编程 "
	"代碼 程式 コー ード 関数 код 코드 программу функцию funktion fonction función "
	"funzione função código codice yaml makefile cmake gradle maven "
	"jupyter vscode argv cli borrow_checker backend frontend websocket "
	"oauth jwt redis kafka mongodb sqlalchemy fastapi laravel php ruby "
	"perl scala lua matlab vba terraform ansible repo generics "
	"polymorphism constructor namespace tuple hashmap malloc opengl "
	"graphql eslint pytest jquery nginx ffmpeg regexes stdin "
	"jenkinsfile csv_with undefined_reference dataframe gitlab"},
    {TASK_CODE, 4,
	"code coding function functions git rust script scripts programming "
	"variable variables bug bugs method struct algorithm query database "
	"api endpoint pointer array arrays loop recursion recursive mutex "
	"thread-safe snippet syntax stack_trace unit_tests unit_test "
	"exception pull_request implement sort_a data_structure linked_list "
	"complexity typeerror valueerror type_annotations race_conditions "
	"diccionario tableau consulta программа скрипт command_line "
	"source_file source_files source_code an_error error_message pip "
	"conda swift dart aws deploy deployment http url commit repository "
	"closure closures inheritance binary_tree binary_search byte bytes "
	"deadlock concurrency android webpage compile_error threads "
	"linked_lists for_loop while_loop web_page html_page unit_testing "
	"config_file stack_overflow programmer nested_loop csv "
	"compiler_error the_program reference_to read_a undefined"},
    {TASK_CODE, 2,
	"program class component compiler implementation cache server "
	"string strings object interface module library package command "
	"linux shell log parameter parameters dependency injection fix "
	"iterator boolean schreibe_eine error errors crash crashes test "
	"tests testing branch merge index pipeline app website button heap "
	"stack queue binary macro excel snippet project slow build"},
    {TASK_MATHEMATICS, 6,
	"equation equations integral integrals derivative polynomial matrix "
	"determinant eigenvalue eigenvalues theorem lemma divisible "
	"triangle perimeter hypotenuse logarithm algebra geometry calculus "
	"trigonometry homomorphism isomorphic subgroup modulo irrational "
	"arithmetic combinatorics mississippi antiderivative quotient 方程 积分 "
	"求解 証明 積分 方程式 計算 计算 证明 gleichung ableitung équation ecuación "
	"equazione equação уравнение докажи вычисли равнание równanie "
	"trójkąta probabilità calcola berechne calcula calcule oblicz "
	"résous resuelve löse risolvi expand differentiate"},
    {TASK_MATHEMATICS, 4,
	"solve calculate compute prove probability integer integers "
	"fraction fractions percent percentage radius circumference circle "
	"simplify altogether sqrt sin cos tan ln converges median variance "
	"multiply subtract prime primes vector vectors odds lim proof "
	"polygon rectangle square_root perpendicular parallelogram "
	"critical_points integral_domain finite_field real_numbers "
	"odd_numbers formula área fläche сумма pole_trójkąta volatility "
	"equally divided_by each_pay divided remainder"},
    {TASK_MATHEMATICS, 2,
	"sum average twice half total divide area volume angle evaluate limit "
	"series mean factor positive_integer km mph cm altogether ratio "
	"determine remainder times digits maximum minimum ways_are find_the "
	"how_far how_fast each"},
    {TASK_EXTRACTION, 6,
	"extract extracting extraction extrahiere extrais extrae estrai "
	"extraia extrahieren extraire extraer 提取 抽取 抽出 извлеки wyodrębnij "
	"추출 named_entities named_entity key_terms pull_out copy_out "
	"extracts every_ip pick_out"},
    {TASK_EXTRACTION, 4,
	"parse entities list_all find_every find_all pull_the mentioned "
	"identify_the identify_all fields fill_in tracking_number are_named "
	"extracted get_the return_only appears_in all_people all_the "
	"into_a_table order_number list_them as_json mention mentions "
	"phone_numbers phone_number email_addresses put_them note_below "
	"a_json json_object due_date json_array are_mentioned return_the "
	"return_every names_only iban the_skills their_names return_their "
	"every_name return_all from_the the_parties list_the prices_from "
	"give_every"},
    {TASK_EXTRACTION, 2,
	"identify pull json invoice receipt passage names dates columns "
	"locations emails addresses only_the per_line of_items this_text "
	"a_list from_this the_note the_invoice the_transcript the_passage "
	"the_report the_contract"},
    {TASK_SUMMARISING, 6,
	"summarize summarise summarizing summarising summarized summarised "
	"summary summaries tldr tl condense synopsis recap gist shorten "
	"zusammenfassen zusammenfassung fasse zusammen résume résumer "
	"résumé resume_el resume_este resumen resumir resuma riassumi "
	"riassunto samenvatting streszczenie streść özetle 总结 摘要 概括 總結 要約 "
	"요약 перескажи резюмируй résume_cet لخص nutshell document_about "
	"text_about article_about tl;dr shorter compress main_message "
	"rundown email_say text_say article_say"},
    {TASK_SUMMARISING, 4,
	"takeaways key_points one-sentence one-paragraph main_points "
	"main_idea sum_up bullet_points boil_this main_arguments "
	"an_overview abstract_for main_ideas the_essentials in_brief "
	"plain_english short_version кратко digest keep_it main_takeaway "
	"bulleted highlights_of short_overview cut_down half_page one_tweet "
	"main_point central_message"},
    {TASK_SUMMARISING, 2,
	"brief overview abstract essentials transcript concise highlights "
	"minutes findings resume"},
    {TASK_TRANSLATION, 6,
	"translate translates translated translating translation translations "
	"translator localise localize localisation localization übersetze "
	"übersetzen übersetzung übersetz traduis traduire traduction traduce "
	"traducir traducción traduci tradurre traduzione traduza traduzir "
	"tradução vertaal vertalen przetłumacz tłumaczenie переведи перевод "
	"перевести переклади çevir 翻译 翻譯 翻訳 訳し 번역 ترجم अनुवाद"},
    {TASK_TRANSLATION, 4,
	"spanish_word french_word german_word message_to you_say word_for say_in sagt_man say_this in_english into_french "
	"into_german into_spanish into_italian into_english into_japanese "
	"into_chinese into_portuguese into_polish to_german to_french "
	"to_spanish to_english english_to in_japanese in_spanish to_turkish "
	"to_arabic in_dutch into_dutch render_this auf_italienisch"},
    {TASK_TRANSLATION, 2,
	"english french german spanish italian portuguese dutch polish "
	"russian ukrainian chinese mandarin japanese korean arabic hindi "
	"turkish greek swedish subtitles englische anglais inglés inglese "
	"inglês английский 英语 英文 英語 영어 hungarian czech danish norwegian "
	"finnish romanian vietnamese thai indonesian bengali urdu persian "
	"hebrew latin catalan croatian bulgarian serbian malay swahili"},
    {TASK_CLASSIFICATION, 6,
	"classify classifies classification categorize categorise sentiment "
	"clickbait toxicity entailment entail spam klassifiziere "
	"klassifizieren classifie classifier classifica classifique "
	"clasifica clasificar classe_cet stimmung 分类 分類 情感 感情 классифицируй "
	"sklasyfikuj 분류 fact_or sarcastic decide_whether positive_or "
	"hate_speech or_not"},
    {TASK_CLASSIFICATION, 4,
	"sentiment_of tag_this emotion_expressed the_emotion category "
	"categories label labels intent emotion neutral neutre yes_or "
	"true_or assign urgency sort_the belong belong_to star_rating "
	"following_topics these_topics which_category or_negative "
	"contradict one_word spam_or negativ negativo négatif whether_the "
	"answer_yes belongs priority which_department department "
	"group_these true_false urgent is_spam bucket tone classes or_ham "
	"ham good_or fair_or is_written is_the_tone the_tone rate_this "
	"rate_the each_ticket each_sentence one_of iso_code yes_no"},
    {TASK_CLASSIFICATION, 2,
	"positive negative detect rate rating determine_whether options "
	"topics choose low_medium or_no predict positif positivo positiv "
	"headline review decide handle relevant score fake"},
    {TASK_QUESTION, 4,
	"explain describe difference differences compare recommend who why "
	"define definition who_wrote how_does what_causes tips history "
	"what_should capital_of erkläre explique explica spiega warum "
	"pourquoi porqué perché почему чому kto chi quién dlaczego 什么 为什 哪里 "
	"哪儿 何で すか 무엇 为何 なぜ अंतर क्या لماذا hauptstadt capitale столица "
	"столиця hangisidir nedir who_is who_was who_invented when_was "
	"when_did what_happens main_causes difference_between advantages "
	"disadvantages effects_of importance_of facts_about can_i should_i "
	"overview_of the_rules role_of pros suggestions suggest where_can"},
    {TASK_QUESTION, 1,
	"what which when where how whose causes benefits meaning advice "
	"best is_it according symptoms requirements following_is what_is "
	"what_are was wie wann wo quel quelle quels où comment quand qué "
	"cuál cuándo dónde cómo quale quando dove wat waar gdzie kiedy co "
	"jaka jaki что где когда какой какая яка який ما هي कौन में "
	"the_following statements statement does did is are should how_do "
	"how_can how_to ways_to is_there are_there do_i what_does effects "
	"rules cons can"},
    {TASK_CHAT, 6,
	"hi hello hey lol haha hahaha hallo bonjour salut hola ciao olá oi "
	"cześć привет привіт merhaba selam 你好 您好 こん んに 안녕 مرحبا नमस्ते "
	"thanks bye goodbye gracias danke merci grazie obrigado what's_up "
	"meet_you bored see_you how's_it no_problem i_feel yo sup"},
    {TASK_CHAT, 4,
	"ok okay thank thank_you sorry you_so you_are how_are are_you "
	"good_morning good_night let's you_like i_had i_just feeling "
	"me_something my_name just_talk go_on who_are cool no_way you_feel "
	"wie_geht ça_va qué_tal tudo_bem come_va se_masz как_дела you're "
	"day_at crazy lonely tired stressed it_going congrats welcome "
	"my_weekend i_don't good_evening i_miss have_a your_weekend "
	"i_passed that's_all late_reply what's_good how_was your_day"},
    {TASK_CHAT, 2,
	"yes please_go nice chat talk love happy sad yeah i'm morning "
	"evening friend tomorrow fun really great i_love didn't tonight "
	"weekend going feel sleep awesome wow"},
    {TASK_CREATIVE, 6,
	"poem poems poetry haiku limerick sonnet lyrics joke riddle slogan "
	"tagline screenplay backstory bedtime superhero gedicht geschichte "
	"poème poésie poema poesía poesia cuento racconto história wiersz "
	"стихотворение рассказ сказку şiir 写一首 一首 首诗 的诗 俳句 故事 物語 brainstorm "
	"fairy_tale 詩を 시를 wedding_toast fan_fiction opowiadanie love_letter "
	"short_play short_story a_story jingle monologue parody ballad "
	"ideas_for names_for villain rhyme rhyming a_character"},
    {TASK_CREATIVE, 4,
	"story stories tale song rap imagine invent compose creative "
	"fictional fiction dialogue scene novel plot come_up make_up "
	"continue_the the_style verse character toast greeting essay poetic "
	"speech in_the_style blog_post funny chanson canción canzone "
	"birthday shakespeare sound_like sounds_like cover_letter sci-fi "
	"caption titles_for wizard speech_for an_ad instagram an_email "
	"a_letter a_blog a_speech ghost thriller opening_line catchy "
	"catchy_name name_for diary a_toast"},
    {TASK_CREATIVE, 2,
	"write_a write draft create names description fantasy mystery "
	"pirate continue brand product_description scrivi escribe escreva "
	"écris schreibe schrijf napisz напиши letter write_me write_an "
	"ideas advertising advert blog legend myth hero metaphor actors "
	"title play dragon detective rewrite rephrase"},
};

/* What makes a request harder, or tells code. */
static const struct {
	enum mark mark;
	const char *words;
} mark_words[] = {
    {MARK_CODE_WORD,
	"def elif const void printf println fn impl async await lambda null "
	"nullptr undefined stdio endif int char str bool float len self "
	"foreach console return returns import public static struct var "
	"select join println std argv stdout stderr enum typedef"},
    {MARK_QUESTION_WORD,
	"what who whom whose when where why which how was wer wie wo warum "
	"wann que qui quoi quel quelle comment pourquoi qué quién cuál cómo "
	"chi cosa quale come perché quem qual como wat wie waar kto co jak "
	"что кто как где почему"},
    {MARK_NUMBER,
	"two three four five six seven eight nine ten eleven twelve twenty "
	"thirty forty fifty hundred thousand dozen twice thrice half third "
	"quarter double triple zwei drei vier fünf deux trois quatre cinq dos "
	"tres cuatro due tre dois três dwa trzy два три четыре пять"},
    {MARK_QUANTITY,
	"how_many how_much wie_viele wieviele wieviel combien cuántos cuántas "
	"cuánto quanti quante quantos quantas hoeveel ile сколько скільки 多少 "
	"how_long how_far how_old"},
    {MARK_REASONING,
	"prove proof derive derivation deduce infer justify rigorous "
	"rigorously analyze analyse optimal optimize optimise evaluate "
	"critique implications trade-offs tradeoffs show_that reason beweise "
	"démontre demuestra dimostra докажи 证明 証明 theorem algorithm "
	"integral polynomial homomorphism"},
    {MARK_STEP, "step_by steps first then next finally afterwards subsequently "
		"schritt étape paso passo"},
    {MARK_CONSTRAINT,
	"must exactly at_least at_most only ensure required require requires "
	"constraint constraints within between no_more no_less fewer_than "
	"more_than less_than always should muss genau doit exactement debe "
	"exactamente"},
    {MARK_NEGATION,
	"not never no without except neither nor cannot can't don't isn't "
	"incorrect false nicht kein ohne sauf sans no_son sin"},
    {MARK_DOCUMENT,
	"email mail text article essay review reviews tweet message comment "
	"comments letter paragraph passage document report transcript notes "
	"ticket tickets speech post sentence headline statement story cv "
	"agreement contract log conversation thread feedback description"},
    {MARK_CHOICE, "or oder ou o albo или"},
    {MARK_TONGUE,
	"english french german spanish italian portuguese dutch polish russian "
	"ukrainian chinese mandarin japanese korean arabic hindi turkish greek "
	"swedish hungarian czech danish norwegian finnish romanian vietnamese "
	"thai indonesian bengali urdu persian hebrew latin catalan croatian "
	"bulgarian serbian malay swahili"},
    {MARK_CONDITION,
	"if suppose assume assuming given unless whether provided wenn falls "
	"si supposons suppose_that considering when"},
};

/* Letters that few languages have, by code point. */
static const uint32_t letters[] = {
    [0x00a1] = 1U << LANGUAGE_ES,
    [0x00bf] = 1U << LANGUAGE_ES,
    [0x00df] = 1U << LANGUAGE_DE,
    [0x00e3] = 1U << LANGUAGE_PT,
    [0x00e4] = 1U << LANGUAGE_DE,
    [0x00e7] = 1U << LANGUAGE_FR | 1U << LANGUAGE_PT | 1U << LANGUAGE_TR,
    [0x00ea] = 1U << LANGUAGE_FR | 1U << LANGUAGE_PT,
    [0x00ec] = 1U << LANGUAGE_IT,
    [0x00f1] = 1U << LANGUAGE_ES,
    [0x00f2] = 1U << LANGUAGE_IT,
    [0x00f5] = 1U << LANGUAGE_PT,
    [0x00f6] = 1U << LANGUAGE_DE | 1U << LANGUAGE_TR,
    [0x00fc] = 1U << LANGUAGE_DE | 1U << LANGUAGE_TR,
    [0x0105] = 1U << LANGUAGE_PL,
    [0x0107] = 1U << LANGUAGE_PL,
    [0x0119] = 1U << LANGUAGE_PL,
    [0x011f] = 1U << LANGUAGE_TR,
    [0x0142] = 1U << LANGUAGE_PL,
    [0x0144] = 1U << LANGUAGE_PL,
    [0x0153] = 1U << LANGUAGE_FR,
    [0x015b] = 1U << LANGUAGE_PL,
    [0x015f] = 1U << LANGUAGE_TR,
    [0x017a] = 1U << LANGUAGE_PL,
    [0x017c] = 1U << LANGUAGE_PL,
    [0x0439] = 1U << LANGUAGE_RU | 1U << LANGUAGE_UK,
    [0x044a] = 1U << LANGUAGE_RU,
    [0x044b] = 1U << LANGUAGE_RU,
    [0x044d] = 1U << LANGUAGE_RU,
    [0x0451] = 1U << LANGUAGE_RU,
    [0x0454] = 1U << LANGUAGE_UK,
    [0x0456] = 1U << LANGUAGE_UK,
    [0x0457] = 1U << LANGUAGE_UK,
    [0x0491] = 1U << LANGUAGE_UK,
    [0x067e] = 1U << LANGUAGE_FA,
    [0x0686] = 1U << LANGUAGE_FA,
    [0x0698] = 1U << LANGUAGE_FA,
    [0x06a9] = 1U << LANGUAGE_FA,
    [0x06af] = 1U << LANGUAGE_FA,
    [0x06cc] = 1U << LANGUAGE_FA,
};

uint32_t word_letter_languages(uint32_t letter)
{
	return letter < sizeof(letters) / sizeof(letters[0]) ? letters[letter]
							     : 0;
}

/* --- the index ---------------------------------------------------------- */

/*
 * Built once from the lists above and never changed: open addressing, a slot
 * holds a row's number + 1. At most half full, so a probe is one or two.
 */
#define SLOTS 8192

static struct word rows[WORD_ROWS_MAX];
static size_t n_rows;
static uint16_t slots[SLOTS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static size_t slot_of(const struct word_key *key)
{
	uint64_t h = key->part[0] * UINT64_C(0x9e3779b97f4a7c15);

	h ^= key->part[1] * UINT64_C(0xc2b2ae3d27d4eb4f);
	h ^= key->part[2] * UINT64_C(0x165667b19e3779f9);
	h ^= key->part[3] * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xff51afd7ed558ccd);
	return (size_t)(h >> 51); /* 13 bits: SLOTS */
}

static bool keys_equal(const struct word_key *a, const struct word_key *b)
{
	return a->part[0] == b->part[0] && a->part[1] == b->part[1] &&
	       a->part[2] == b->part[2] && a->part[3] == b->part[3];
}

/* The row of <word>, made when new. */
static struct word *row_of(struct span word)
{
	struct word_key key = {{0}};
	size_t slot;

	assert(word.len <= sizeof(key));
	memcpy(&key, word.ptr, word.len);
	for (slot = slot_of(&key); slots[slot] != 0;
	     slot = (slot + 1) % SLOTS) {
		if (keys_equal(&rows[slots[slot] - 1].key, &key))
			return &rows[slots[slot] - 1];
	}
	assert(n_rows < WORD_ROWS_MAX);
	rows[n_rows] =
	    (struct word){.key = key, .task = -1, .number = (uint16_t)n_rows};
	slots[slot] = (uint16_t)++n_rows;
	return &rows[n_rows - 1];
}

static void build(void)
{
	struct span rest;
	struct span word;

	for (size_t i = 0;
	     i < sizeof(function_words) / sizeof(function_words[0]); i++) {
		rest = span_of(function_words[i].words);
		while (span_split(&rest, ' ', &word))
			row_of(word)->languages |=
			    1U << function_words[i].language;
	}
	for (size_t i = 0; i < sizeof(task_words) / sizeof(task_words[0]);
	     i++) {
		rest = span_of(task_words[i].words);
		while (span_split(&rest, ' ', &word)) {
			struct word *row = row_of(word);

			/* Listed loudest first, and the loudest counts. */
			if (row->points >= task_words[i].points)
				continue;
			row->task = (int8_t)task_words[i].task;
			row->points = (uint8_t)task_words[i].points;
		}
	}
	for (size_t i = 0; i < sizeof(mark_words) / sizeof(mark_words[0]);
	     i++) {
		rest = span_of(mark_words[i].words);
		while (span_split(&rest, ' ', &word))
			row_of(word)->mark = (uint8_t)mark_words[i].mark;
	}
	for (size_t i = 0; i < n_rows; i++) {
		int n = __builtin_popcount(rows[i].languages);

		rows[i].share = (uint8_t)(n > 0 ? WORD_SHARES / n : 0);
	}
}

void word_prepare(void)
{
	pthread_once(&once, build);
}

const struct word *word_find(const struct word_key *key)
{
	for (size_t slot = slot_of(key); slots[slot] != 0;
	     slot = (slot + 1) % SLOTS) {
		const struct word *row = &rows[slots[slot] - 1];

		if (keys_equal(&row->key, key))
			return row;
	}
	return NULL;
}
