/* features.c -- what a request is: its task, its language, how hard it is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/scan.h"

#include <math.h>
#include <stdio.h>

/*
 * No model, no training: words and marks, counted in one pass (scan.c) over
 * the last user message's first and last 16 KiB. What knows nothing of its
 * own traffic does best with the question's length, so
 * difficulty is that length on a log scale, moved a little by the marks below.
 */
#define WINDOW_BYTES ((size_t)16 * 1024)

/* One row a mark: the task that it speaks for, and how it moves difficulty. */
static const struct mark_row {
	enum mark mark;
	enum router_task task;
	unsigned points;     /* for the task, each */
	unsigned points_max; /* and together */
	double harder;       /* each */
	double harder_max;   /* and together */
} mark_rows[] = {
    {MARK_FENCE, TASK_CODE, 12, 24, .01, .01},
    {MARK_CODE_SIGN, TASK_CODE, 2, 20, .001, .02},
    {MARK_CODE_WORD, TASK_CODE, 3, 15, .002, .01},
    {MARK_CALL, TASK_CODE, 3, 9, .002, .01},
    {MARK_UNDERSCORE, TASK_CODE, 2, 8, 0, 0},
    {MARK_NUMBER, TASK_MATHEMATICS, 1, 4, .002, .02},
    {MARK_LATEX, TASK_MATHEMATICS, 6, 24, .002, .02},
    {MARK_FORMULA, TASK_MATHEMATICS, 2, 10, .002, .01},
    {MARK_QUESTION, TASK_QUESTION, 3, 3, .005, .02},
    {MARK_QUESTION_WORD, TASK_QUESTION, 1, 2, 0, 0},
    {MARK_QUANTITY, TASK_MATHEMATICS, 0, 0, .005, .005},
    {MARK_REASONING, TASK_MATHEMATICS, 0, 0, .02, .06},
    {MARK_STEP, TASK_MATHEMATICS, 0, 0, .005, .02},
    {MARK_CONSTRAINT, TASK_MATHEMATICS, 0, 0, .01, .05},
    {MARK_NEGATION, TASK_QUESTION, 0, 0, .005, .02},
    {MARK_CONDITION, TASK_QUESTION, 0, 0, .01, .04},
    {MARK_OPTION, TASK_QUESTION, 3, 9, 0, 0},
};

/* One row a task: how it moves difficulty, and how long its answers are. */
static const struct task_row {
	double harder;
	int64_t output; /* tokens */
} task_rows[TASK_COUNT] = {
    [TASK_CODE] = {.02, 400},
    [TASK_MATHEMATICS] = {0, 350},
    [TASK_EXTRACTION] = {-.04, 150},
    [TASK_SUMMARISING] = {-.04, 200},
    [TASK_TRANSLATION] = {-.04, 0}, /* as long as its text */
    [TASK_CLASSIFICATION] = {-.04, 10},
    [TASK_QUESTION] = {0, 250},
    [TASK_CHAT] = {-.10, 80},
    [TASK_CREATIVE] = {0, 600},
};

/* What the request's form adds to difficulty. */
#define HARDER_SCHEMA .04
#define HARDER_TOOLS .04
#define HARDER_TURN .01 /* each after the first */
#define HARDER_TURNS_MAX .05

/* The stem's length: 2^4 characters are 0, 2^14 are LENGTH_WEIGHT. */
#define LENGTH_FROM 4.0
#define LENGTH_TO 14.0
#define LENGTH_WEIGHT 0.9

/* --- scanning ----------------------------------------------------------- */

/* The end of <text>'s first window, between two characters. */
static size_t head_end(struct span text)
{
	size_t end = WINDOW_BYTES;

	while (end > WINDOW_BYTES - 4 &&
	       ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
		end--;
	return end;
}

static size_t tail_start(struct span text)
{
	size_t from = text.len - WINDOW_BYTES;

	while (from < text.len - WINDOW_BYTES + 4 &&
	       ((unsigned char)text.ptr[from] & 0xc0) == 0x80)
		from++;
	return from;
}

static void scan_input(const struct router_input *input, struct scan *scan)
{
	struct span text = input->last_user;
	size_t from;

	scan_init(scan);
	if (text.len <= 2 * WINDOW_BYTES) {
		scan_text(scan, text, true);
	} else {
		size_t end = head_end(text);

		from = tail_start(text);
		scan_text(scan, span_head(text, end), false);
		scan->width += from - end; /* unseen, but long all the same */
		scan_text(scan, span_from(text, from), true);
	}
	scan_finish(scan);
	scan_system(scan, input->system);
}

/* --- the task ----------------------------------------------------------- */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * A quantity asked for where numbers are given is a sum in words; one asked
 * for without is a question about the world.
 */
static void weigh_quantity(const struct scan *scan, unsigned *points)
{
	unsigned numbers = scan->marks[MARK_NUMBER];
	bool is_quantity = scan->marks[MARK_QUANTITY] > 0;

	if (is_quantity && numbers >= 2)
		points[TASK_MATHEMATICS] += 14;
	else if (is_quantity)
		points[TASK_QUESTION] += 4;
	if (scan->marks[MARK_FORMULA] > 0 && numbers >= 2)
		points[TASK_MATHEMATICS] += 10;
	else if (scan->marks[MARK_QUESTION] > 0 && numbers >= 3)
		points[TASK_MATHEMATICS] += 6;
}

/* A choice to be made about a text is a label to be given. */
static void weigh_choice(const struct scan *scan, unsigned *points)
{
	bool is_choice = scan->marks[MARK_CHOICE] > 0 &&
			 scan->marks[MARK_DOCUMENT] > 0 && scan->words < 60;

	if (is_choice)
		points[TASK_CLASSIFICATION] += 8;
}

static enum router_task choose_task(const struct scan *scan)
{
	unsigned points[TASK_COUNT];
	enum router_task best = TASK_CODE;

	memcpy(points, scan->tasks, sizeof(points));
	for (size_t i = 0; i < sizeof(mark_rows) / sizeof(mark_rows[0]); i++) {
		const struct mark_row *row = &mark_rows[i];

		points[row->task] += least(
		    row->points * scan->marks[row->mark], row->points_max);
	}
	weigh_quantity(scan, points);
	weigh_choice(scan, points);
	/* Most requests ask; what else they say tells more. */
	points[TASK_QUESTION] = points[TASK_QUESTION] * 2 / 3;
	for (unsigned i = 1; i < TASK_COUNT; i++) {
		if (points[i] > points[best])
			best = (enum router_task)i;
	}
	if (points[best] == 0)
		return scan->words < 8 ? TASK_CHAT : TASK_QUESTION;
	return best;
}

/* --- difficulty --------------------------------------------------------- */

static double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

static double measure_difficulty(const struct router_input *input,
    const struct scan *scan, enum router_task task)
{
	double length = (log2((double)scan->stem + 1) - LENGTH_FROM) /
			(LENGTH_TO - LENGTH_FROM);
	double sum = LENGTH_WEIGHT * clamp(length, 0, 1);
	double turns = input->turns > 1 ? (double)(input->turns - 1) : 0;

	for (size_t i = 0; i < sizeof(mark_rows) / sizeof(mark_rows[0]); i++) {
		const struct mark_row *row = &mark_rows[i];

		sum += clamp(
		    row->harder * scan->marks[row->mark], 0, row->harder_max);
	}
	sum += task_rows[task].harder;
	sum += input->json_schema ? HARDER_SCHEMA : 0;
	sum += input->tools ? HARDER_TOOLS : 0;
	sum += clamp(HARDER_TURN * turns, 0, HARDER_TURNS_MAX);
	return clamp(sum, 0, 1);
}

/* --- the answer's length ------------------------------------------------ */

/* Tokens of one answer, for estimates of cost; the client's limit bounds it. */
static int64_t expect_output(const struct router_input *input,
    const struct scan *scan, enum router_task task)
{
	int64_t output = task_rows[task].output;

	if (input->endpoint == ROUTER_EMBEDDINGS)
		return 0;
	if (task == TASK_TRANSLATION)
		output = 20 + (int64_t)(scan->width / 3);
	if (task == TASK_SUMMARISING && scan->width > 12000)
		output += (int64_t)(scan->width / 100);
	if (input->output_limit >= 0 && input->output_limit < output)
		output = input->output_limit;
	return output;
}

void router_features(const struct router_input *input, struct arena *scratch,
    struct router_features *features)
{
	struct scan scan;
	enum router_task task;

	(void)scratch; /* one pass, no allocation */
	scan_input(input, &scan);
	task = choose_task(&scan);
	*features = (struct router_features){.endpoint = input->endpoint,
	    .task = task,
	    .tokens = input->prompt_tokens,
	    .turns = input->turns,
	    .difficulty = measure_difficulty(input, &scan, task),
	    .tools = input->tools,
	    .images = input->images > 0,
	    .audio = input->audio,
	    .json_object = input->json_object,
	    .json_schema = input->json_schema,
	    .stream = input->stream,
	    .expected_output = expect_output(input, &scan, task)};
	snprintf(features->language, sizeof(features->language), "%s",
	    language_choose(scan.languages, scan.scripts));
}
