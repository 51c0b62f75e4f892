/*
 * asset.c
 *		Assets by slug: kinds, checks, limits.
 */
#include "postgres.h"
