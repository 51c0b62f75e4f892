/*
 * pdf/qr.c
 *		QR codes as path operators (libqrencode).
 */
#include "postgres.h"
