#!/bin/sh
# embed.sh -- prints the C table of the page's files: embed.sh PATH=FILE...
# SPDX-License-Identifier: Apache-2.0
set -eu

type_of()
{
	case "$1" in
	*.html) echo 'text/html; charset=utf-8' ;;
	*.css) echo 'text/css; charset=utf-8' ;;
	*.js) echo 'text/javascript; charset=utf-8' ;;
	*.svg) echo 'image/svg+xml' ;;
	*)
		echo "embed.sh: $1: no content type is known for it" >&2
		exit 1
		;;
	esac
}

# The first 128 bits: enough to tell versions of a file apart.
tag_of()
{
	sha256sum <"$1" | cut -c 1-32
}

echo '/* Written by dashboard/embed.sh at each build. */'
echo '#include "dashboard/dashboard.h"'
echo 'extern const struct dashboard_asset dashboard_embedded[];'
echo 'extern const size_t dashboard_n_embedded;'
n=0
for pair; do
	echo "static const unsigned char bytes_$n[] = {"
	od -An -v -tx1 "${pair#*=}" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
	echo '};'
	n=$((n + 1))
done
echo 'const struct dashboard_asset dashboard_embedded[] = {'
n=0
for pair; do
	file=${pair#*=}
	type=$(type_of "$file")
	tag=$(tag_of "$file")
	echo "	{\"${pair%%=*}\", \"$type\", \"\\\"$tag\\\"\","
	echo "	    {(const char *)bytes_$n, sizeof(bytes_$n)}},"
	n=$((n + 1))
done
echo '};'
echo "const size_t dashboard_n_embedded = $n;"
