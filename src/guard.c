/*
 * guard.c
 *		Bounds the memory that parsing foreign bytes may take.
 */
#include "postgres.h"
