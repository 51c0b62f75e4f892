/*
 * design.h
 *		What documents are made from besides the credential, in a fingerprint.
 */
#ifndef LC_DESIGN_H
#define LC_DESIGN_H

#include "definition.h"

/*
 * 64 bits of the SHA-256 of the generation function (its name and body), of the options that it may look
 * at, and of the assets that strings in these options name. The same in every database of any version
 * and on any machine. Called with the owner's identity; inside a SPI connection or not.
 */
extern int64 lc_design(const LcConfiguration *configuration, Oid function);

#endif /* LC_DESIGN_H */
