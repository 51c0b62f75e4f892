/*
 * lifecycle.c
 *		The lifecycle triggers.
 */
#include "postgres.h"
