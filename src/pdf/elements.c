/*
 * pdf/elements.c
 *		Text elements, images and QR codes of a page: defaults, precedence, checks.
 */
#include "postgres.h"
