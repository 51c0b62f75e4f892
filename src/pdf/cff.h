/*
 * pdf/cff.h
 *		CFF font programs: which glyph has which CID.
 */
#ifndef LC_CFF_H
#define LC_CFF_H

#include "postgres.h"

/*
 * The CID of every glyph of a CFF font program, palloc'd, and how many glyphs it has, which may be fewer
 * than the font's table maxp says; NULL when the program is not CID-keyed: then glyphs are addressed by
 * their numbers (ISO 32000-1, 9.7.4.2). Raises 22023 when it cannot be read.
 */
extern uint16 *lc_cff_cids(const uint8 *data, Size length, uint32 *cid_count);

#endif /* LC_CFF_H */
