/*
 * verification.c
 *		The keyed view's planner support function.
 */
#include "postgres.h"
