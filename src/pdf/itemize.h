/*
 * pdf/itemize.h
 *		What Unicode says of the characters of a line: what belongs together, which script, which direction.
 */
#ifndef LC_ITEMIZE_H
#define LC_ITEMIZE_H

#include "postgres.h"

#include <hb.h>

typedef struct LcChar
{
	uint32 character;	   /* a code point; a tab is given as a space */
	int offset;			   /* of its first byte in the text */
	hb_script_t script;	   /* common characters have that of their surroundings */
	bool is_letter;		   /* has a script of its own */
	bool extends;		   /* belongs to the character before it: a mark, a joiner */
	bool is_ignorable;	   /* needs no glyph: Default_Ignorable_Code_Point */
	bool is_bidi_control;  /* an embedding, override or isolate, or its end */
	bool is_space;		   /* a space of any width */
	uint8 combining_class; /* Canonical_Combining_Class */
	uint8 level;		   /* bidirectional embedding level; odd: right to left */
	int16 font;			   /* the typesetter's */
} LcChar;

/*
 * The characters of a line of UTF-8 text, *count of them, palloc'd with one more whose offset is the
 * length. rtl: the paragraph's direction. "font" is 0.
 */
extern LcChar *lc_itemize(const char *text, Size length, bool rtl, int *count);

/*
 * The characters in normalization form C (compose) or D; returns how many, at most "capacity", else 0.
 */
extern int lc_normalize(const LcChar *chars, int count, bool compose, uint32 *result, int capacity);

/* The character that stands for this one in right-to-left text: ")" for "(". */
extern uint32 lc_mirror(uint32 character);

#endif /* LC_ITEMIZE_H */
