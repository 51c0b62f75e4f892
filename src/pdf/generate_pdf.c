/*
 * pdf/generate_pdf.c
 *		generate_pdf() and preview_pdf(): join the rooms of this folder.
 */
#include "postgres.h"
