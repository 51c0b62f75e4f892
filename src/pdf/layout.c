/*
 * pdf/layout.c
 *		Lines, alignment, fitting (pure: metrics come in through a callback).
 */
#include "postgres.h"
