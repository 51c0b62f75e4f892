/*
 * asset.h
 *		PDF templates, fonts and images, found by their slug.
 */
#ifndef LC_ASSET_H
#define LC_ASSET_H

#include "postgres.h"

typedef enum LcAssetKind
{
	LC_ASSET_TEMPLATE,
	LC_ASSET_FONT,
	LC_ASSET_IMAGE
} LcAssetKind;

typedef struct LcAsset
{
	char *slug;
	LcAssetKind kind;
	char *media_type;
	char *description; /* empty: none */
	uint8 sha256[32];  /* of the content: what caches are keyed by */
} LcAsset;

/* The word for a kind in messages: "PDF template", "font", "image". */
extern const char *lc_asset_kind_name(LcAssetKind kind);

/*
 * The asset with this slug, of any kind, palloc'd, read with the current user's rights. NULL when there
 * is none.
 */
extern LcAsset *lc_asset_lookup(const char *slug);

/*
 * The same for an asset of one kind. NULL when there is none; the caller says where the slug was named.
 * "path" is that place, for the error (22023) raised when the asset is of another kind.
 */
extern LcAsset *lc_asset_find(const char *slug, LcAssetKind kind, const char *path);

/* The asset's bytes, palloc'd. Needed only when a cache has no entry for its sha256. */
extern bytea *lc_asset_content(const LcAsset *asset);

#endif /* LC_ASSET_H */
