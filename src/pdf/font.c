/*
 * pdf/font.c
 *		Fonts: checks, the cache of open faces, metrics, embedding.
 */
#include "postgres.h"
