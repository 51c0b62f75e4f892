/*
 * pdf/typeset.c
 *		Text -> glyphs: shaping, metrics, subsetting, font objects.
 */
#include "postgres.h"
