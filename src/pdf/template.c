/*
 * pdf/template.c
 *		A PDF page -> serialised objects to add to any document (libqpdf).
 */
#include "postgres.h"
