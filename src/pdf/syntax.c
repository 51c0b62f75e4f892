/*
 * pdf/syntax.c
 *		Writing PDF tokens: numbers, names, strings.
 */
#include "postgres.h"
