/*
 * validate.c
 *		Says in words what is wrong with options.
 */
#include "postgres.h"
