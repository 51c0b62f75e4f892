/*
 * options.c
 *		Deep merge; typed reading of options, with the path in every error.
 */
#include "postgres.h"
