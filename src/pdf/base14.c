/*
 * pdf/base14.c
 *		The built-in fonts: names and widths.
 */
#include "postgres.h"
