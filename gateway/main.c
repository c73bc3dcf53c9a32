/* main.c -- the composition root: reads the command and runs it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

int main(void)
{
	puts("sluice");
	return 0;
}
