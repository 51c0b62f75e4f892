/*
 * spi.c
 *		Checked SPI with kept plans.
 */
#include "postgres.h"
