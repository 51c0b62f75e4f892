/*
 * pdf/layout.c
 *		Fits a text into a width: shrinks it, then wraps it.
 *
 * Pure: knows neither fonts nor pages, only what its callbacks say.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "pdf/layout.h"

/* A hair that a line may be too wide, against rounding: a thousandth of a point. */
#define TOLERANCE 0.001

/* A line measured as a whole may differ from the sum of its pieces (kerning): so often is it made again. */
#define MAX_REFLOWS 4

/* A piece of a line up to the next opportunity to break. */
typedef struct Piece
{
	int end;		   /* where its white space begins */
	int next;		   /* where the next piece begins */
	double width;	   /* to end, at the minimal size */
	double full_width; /* to next */
} Piece;

static double
width_at(const LcMeasured *measured, double size)
{
	return measured->em * size + measured->fixed;
}

/* The largest size from min_size to size at which the piece fits; less than min_size if none. */
static double
fitting_size(const LcLayoutInput *input, const LcMeasured *measured)
{
	double size;

	if (width_at(measured, input->size) <= input->max_width + TOLERANCE)
		return input->size;
	if (width_at(measured, input->min_size) > input->max_width + TOLERANCE)
		return -1;
	/* Here em is greater than 0: the width grows with the size. */
	size = (input->max_width - measured->fixed) / measured->em;
	return Max(Min(size, input->size), input->min_size);
}

static void
add_line(LcLayout *layout, int *capacity, const char *text, Size length, const LcMeasured *measured)
{
	LcLayoutLine *line;

	if (layout->line_count == *capacity)
	{
		*capacity *= 2;
		layout->lines = repalloc_huge(layout->lines, sizeof(LcLayoutLine) * *capacity);
	}
	line = &layout->lines[layout->line_count++];
	line->text = text;
	line->length = length;
	line->line = measured->line;
	line->width = width_at(measured, layout->size);
	layout->widest = Max(layout->widest, line->width);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* "end" without the white space before it, down to "start". */
static int
trim_end(const char *text, int start, int end)
{
	while (end > start && is_space(text[end - 1]))
		end--;
	return end;
}

static Piece *
make_pieces(const LcLayoutInput *input, const char *text, Size length, int *count)
{
	int *offsets;
	int breaks = input->breaks(input->argument, text, length, &offsets);
	Piece *pieces = palloc_extended(sizeof(Piece) * (breaks + 1), MCXT_ALLOC_HUGE);
	int start = 0;
	int i;

	for (i = 0; i <= breaks; i++)
	{
		Piece *piece = &pieces[i];
		LcMeasured measured;

		CHECK_FOR_INTERRUPTS();
		piece->next = i < breaks ? offsets[i] : (int) length;
		piece->end = trim_end(text, start, piece->next);
		measured = input->measure(input->argument, text + start, piece->end - start);
		piece->width = piece->full_width = width_at(&measured, input->min_size);
		if (piece->next > piece->end)
		{
			measured = input->measure(input->argument, text + start, piece->next - start);
			piece->full_width = width_at(&measured, input->min_size);
		}
		start = piece->next;
	}
	*count = breaks + 1;
	return pieces;
}

/* How many lines the pieces make when none is wider than max_width, and where each ends (last piece + 1). */
static int
fill_lines(const Piece *pieces, int count, double max_width, int *ends)
{
	int lines = 0;
	double width = 0;
	int i;

	for (i = 0; i < count; i++)
	{
		if (i > 0 && width + pieces[i].width > max_width + TOLERANCE)
		{
			if (ends != NULL)
				ends[lines] = i;
			lines++;
			width = 0;
		}
		width += pieces[i].full_width;
	}
	if (ends != NULL)
		ends[lines] = count;
	return lines + 1;
}

/* The least width in which the pieces make no more lines than in max_width: lines about equally long. */
static double
balanced_width(const Piece *pieces, int count, double max_width)
{
	int lines = fill_lines(pieces, count, max_width, NULL);
	double low = 0;
	double high = max_width;
	int i;

	for (i = 0; i < count; i++)
		low = Max(low, pieces[i].width);
	if (low >= high)
		return high;
	for (i = 0; i < 20; i++)
	{
		double middle = (low + high) / 2;

		if (fill_lines(pieces, count, middle, NULL) > lines)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* Breaks one line of the text at the minimal size, which layout->size is. */
static bool
wrap_line(const LcLayoutInput *input, const char *text, Size length, LcLayout *layout, int *capacity)
{
	int count;
	Piece *pieces = make_pieces(input, text, length, &count);
	int *ends = palloc_extended(sizeof(int) * count, MCXT_ALLOC_HUGE);
	LcMeasured *measured = palloc_extended(sizeof(LcMeasured) * count, MCXT_ALLOC_HUGE);
	double max_width = input->max_width;
	double excess;
	int lines;
	int attempt = 0;
	int i;

	do
	{
		lines = fill_lines(pieces, count, balanced_width(pieces, count, max_width), ends);
		excess = 0;
		for (i = 0; i < lines; i++)
		{
			int first = i == 0 ? 0 : ends[i - 1];
			int start = first == 0 ? 0 : pieces[first - 1].next;

			CHECK_FOR_INTERRUPTS();
			measured[i] = input->measure(input->argument, text + start, pieces[ends[i] - 1].end - start);
			/* A piece alone on its line cannot be helped. */
			if (ends[i] - first > 1)
				excess = Max(excess, width_at(&measured[i], input->min_size) - input->max_width);
		}
		max_width -= excess;
	} while (excess > TOLERANCE && ++attempt <= MAX_REFLOWS);

	for (i = 0; i < lines; i++)
	{
		int start = i == 0 ? 0 : pieces[ends[i - 1] - 1].next;

		add_line(layout, capacity, text + start, pieces[ends[i] - 1].end - start, &measured[i]);
	}
	pfree(pieces);
	pfree(ends);
	pfree(measured);
	return layout->widest <= input->max_width + TOLERANCE;
}

bool
lc_layout_fit(const LcLayoutInput *input, LcLayout *layout)
{
	int capacity = 4;
	int count = 0;
	int allocated = 4;
	LcLayoutLine *given = palloc(sizeof(LcLayoutLine) * allocated);
	LcMeasured *measured = palloc(sizeof(LcMeasured) * allocated);
	const char *start = input->text;
	bool fits = true;
	bool wrap = false;
	int i;

	memset(layout, 0, sizeof(LcLayout));
	layout->lines = palloc(sizeof(LcLayoutLine) * capacity);
	layout->size = input->size;

	/* The lines as they are given, and the size at which all of them fit. */
	for (;;)
	{
		const char *end = strchr(start, '\n');
		Size length = end != NULL ? (Size) (end - start) : strlen(start);
		double size;

		CHECK_FOR_INTERRUPTS();
		while (length > 0 && is_space(start[0]))
		{
			start++;
			length--;
		}
		length = trim_end(start, 0, (int) length);
		if (count == allocated)
		{
			allocated *= 2;
			given = repalloc_huge(given, sizeof(LcLayoutLine) * allocated);
			measured = repalloc_huge(measured, sizeof(LcMeasured) * allocated);
		}
		given[count].text = start;
		given[count].length = length;
		measured[count] = input->measure(input->argument, start, length);
		size = fitting_size(input, &measured[count]);
		if (size < input->min_size)
			wrap = true;
		else
			layout->size = Min(layout->size, size);
		count++;
		if (end == NULL)
			break;
		start = end + 1;
	}
	if (wrap)
		layout->size = input->min_size;

	for (i = 0; i < count; i++)
	{
		if (width_at(&measured[i], layout->size) <= input->max_width + TOLERANCE)
			add_line(layout, &capacity, given[i].text, given[i].length, &measured[i]);
		else
			fits = wrap_line(input, given[i].text, given[i].length, layout, &capacity) && fits;
	}
	if (input->max_lines > 0 && layout->line_count > input->max_lines)
		fits = false;
	pfree(given);
	pfree(measured);
	return fits;
}

double
lc_layout_baseline(const LcLayout *layout, double y, double line_height, int line)
{
	return y - line * layout->size * line_height;
}
