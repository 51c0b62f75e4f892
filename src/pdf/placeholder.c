/*
 * pdf/placeholder.c
 *		{placeholders}.
 */
#include "postgres.h"
