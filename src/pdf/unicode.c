/*
 * pdf/unicode.c
 *		ICU services: upper case, dates, line breaks.
 */
#include "postgres.h"
