/*
 * callable.c
 *		Finding, checking and calling retrieve_* and generate_*, as the owner.
 */
#include "postgres.h"
