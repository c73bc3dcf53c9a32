/* methods.h -- the tables of methods, by the kind of value that has them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TEMPLATE_METHODS_H
#define LOCAL_TEMPLATE_METHODS_H

#include "local/template/run.h"

/* The methods of str (methods.c), their number in *n. */
const struct builtin *jinja_text_methods(size_t *n);

/* str.format() (format.c). */
bool jinja_format_method(const struct builtin_call *call, struct value *out);

#endif
