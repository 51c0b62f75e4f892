/*
 * pdf/layout.h
 *		Fits a text into a width: shrinks it, then wraps it.
 *
 * Pure: what a text measures and where it may be broken comes in through callbacks, lengths are whatever
 * the caller's are. Memory is of the current context; raises nothing but what the callbacks raise.
 */
#ifndef LC_LAYOUT_H
#define LC_LAYOUT_H

#include "postgres.h"

/* A text that stands on one line: its width is em * size + fixed. */
typedef struct LcMeasured
{
	double em;
	double fixed;
	void *line; /* the caller's, for drawing */
} LcMeasured;

typedef struct LcLayoutInput
{
	const char *text; /* lines end with "\n" */
	double size;	  /* the size wanted */
	double min_size;  /* the least size, not more than size */
	double max_width;
	int max_lines; /* 0: any number */

	/* Measures a piece of the text without line breaks, which may be empty. */
	LcMeasured (*measure)(void *argument, const char *text, Size length);

	/* Where it may be broken: ascending offsets greater than 0, less than length; returns how many. */
	int (*breaks)(void *argument, const char *text, Size length, int **offsets);
	void *argument;
} LcLayoutInput;

typedef struct LcLayoutLine
{
	const char *text; /* points into the input's text */
	Size length;
	double width; /* at the layout's size */
	void *line;	  /* what measure() gave for it */
} LcLayoutLine;

typedef struct LcLayout
{
	double size;
	int line_count;
	LcLayoutLine *lines;
	double widest; /* the width of the widest line */
} LcLayout;

/*
 * Fits the text. Each of its lines stays a line if at some size from input->size down to min_size the
 * widest of them fits; else those that do not fit at min_size are broken into as few lines as possible,
 * about equally long. White space at the ends of lines is left out. False when a piece without opportunity to break
 * is too wide at min_size (layout->widest is the widest line's width then), or when there are more than
 * max_lines; layout holds the lines as far as they could be made.
 */
extern bool lc_layout_fit(const LcLayoutInput *input, LcLayout *layout);

/* The baseline of a line, counted from 0, when the first one's is y; y points up. */
extern double lc_layout_baseline(const LcLayout *layout, double y, double line_height, int line);

#endif /* LC_LAYOUT_H */
