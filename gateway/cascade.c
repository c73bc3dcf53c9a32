/* cascade.c -- what giving unsure answers up costs, and what it is good for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cascade.h"

#include <math.h>
#include <stdlib.h>

struct cascade_point cascade_at(const struct cascade_row *rows, size_t n,
    const struct cascade_cost *cost, double mark)
{
	double given_up = 0, right = 0, quality = 0, strong = 0, all_right = 0;
	struct cascade_point point = {.mark = mark};

	for (size_t i = 0; i < n; i++) {
		strong += rows[i].strong;
		all_right += rows[i].is_right;
		if (rows[i].chance < mark) {
			given_up++;
			quality += rows[i].strong;
		} else {
			right += rows[i].is_right;
		}
	}
	point.share = given_up / (double)n;
	point.kept =
	    n > (size_t)given_up ? right / ((double)n - given_up) : (double)NAN;
	point.quality = (quality + right) / (double)n;
	point.cost = cost->local + point.share * cost->strong;
	point.random =
	    (point.share * strong + (1 - point.share) * all_right) / (double)n;
	return point;
}

/* --- the image ---------------------------------------------------------- */

enum {
	WIDTH = 640,
	HEIGHT = 420,
	LEFT = 60,
	RIGHT = 20,
	TOP = 20,
	BOTTOM = 50,
	STEPS = 5,
};

static double x_of(double share)
{
	return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(double quality)
{
	return HEIGHT - BOTTOM - quality * (HEIGHT - TOP - BOTTOM);
}

static bool draw_axes(struct buf *out)
{
	bool ok = buf_printf(out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
	    "font-family=\"sans-serif\" font-size=\"13\">\n"
	    "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
	    WIDTH, HEIGHT, WIDTH, HEIGHT);

	for (int i = 0; ok && i <= STEPS; i++) {
		double at = (double)i / STEPS;

		ok = buf_printf(out,
		    "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>"
		    "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d%%</text>"
		    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d%%"
		    "</text>\n",
		    LEFT, y_of(at), WIDTH - RIGHT, LEFT - 8, y_of(at) + 4,
		    i * 100 / STEPS, x_of(at), HEIGHT - BOTTOM + 20,
		    i * 100 / STEPS);
	}
	return ok && buf_printf(out,
			 "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">"
			 "share given up to the other model</text>\n"
			 "<text x=\"%d\" y=\"%d\" transform=\"rotate(-90 16 %d)"
			 "\" text-anchor=\"middle\">quality of all answers"
			 "</text>\n",
			 (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, 16,
			 HEIGHT / 2, HEIGHT / 2);
}

static int by_chance(const void *a, const void *b)
{
	const struct cascade_row *x = a, *y = b;

	return (x->chance > y->chance) - (x->chance < y->chance);
}

static bool draw_curve(const struct cascade_row *rows, size_t n,
    const struct cascade_cost *cost, struct buf *out)
{
	struct cascade_row *order = mem_alloc(n * sizeof(*order));
	struct cascade_point at = cascade_at(rows, n, cost, -1);
	bool ok;

	memcpy(order, rows, n * sizeof(*order));
	qsort(order, n, sizeof(*order), by_chance);
	ok = buf_printf(out,
	    "<path fill=\"none\" stroke=\"#0a6\" stroke-width=\"2\" "
	    "d=\"M%.1f %.1f",
	    x_of(at.share), y_of(at.quality));
	for (size_t i = 0; ok && i < n; i++) {
		/* A mark just past this row, where another one follows. */
		if (i + 1 < n && order[i + 1].chance <= order[i].chance)
			continue;
		at = cascade_at(rows, n, cost,
		    i + 1 < n ? order[i + 1].chance : (double)INFINITY);
		ok = buf_printf(
		    out, "L%.1f %.1f", x_of(at.share), y_of(at.quality));
	}
	free(order);
	return ok && buf_append(out, SPAN("\"/>\n"));
}

static bool draw_lot(const struct cascade_row *rows, size_t n,
    const struct cascade_cost *cost, struct buf *out)
{
	struct cascade_point none = cascade_at(rows, n, cost, -1);
	struct cascade_point all = cascade_at(rows, n, cost, (double)INFINITY);

	return buf_printf(out,
	    "<path fill=\"none\" stroke=\"#888\" stroke-dasharray=\"5 4\" "
	    "d=\"M%.1f %.1fL%.1f %.1f\"/>\n"
	    "<text x=\"%d\" y=\"%d\" fill=\"#0a6\">least sure first</text>\n"
	    "<text x=\"%d\" y=\"%d\" fill=\"#777\">by lot (dashed)</text>\n",
	    x_of(0), y_of(none.quality), x_of(1), y_of(all.quality), LEFT + 12,
	    HEIGHT - BOTTOM - 28, LEFT + 12, HEIGHT - BOTTOM - 10);
}

bool cascade_plot(const struct cascade_row *rows, size_t n,
    const struct cascade_cost *cost, struct buf *out)
{
	bool ok = draw_axes(out) && draw_lot(rows, n, cost, out) &&
		  draw_curve(rows, n, cost, out);

	for (int i = 5; ok && i <= 9; i++) {
		struct cascade_point at = cascade_at(rows, n, cost, i / 10.0);

		ok = buf_printf(out,
		    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"#0a6\"/>"
		    "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\">0.%d</text>\n",
		    x_of(at.share), y_of(at.quality), x_of(at.share) + 6,
		    y_of(at.quality) - 6, i);
	}
	return ok && buf_append(out, SPAN("</svg>\n"));
}
