/*
 * run.c
 *		A run over one configuration: retrieve, queue, issue in batches.
 */
#include "postgres.h"
