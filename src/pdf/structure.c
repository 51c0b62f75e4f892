/*
 * pdf/structure.c
 *		Tagged PDF (ISO 32000-1, 14.7 and 14.8): the elements of the page as a tree.
 *
 * The tree is flat: a Document with paragraphs and figures. Knows nothing of how they are drawn.
 */
#include "postgres.h"

#include "pdf/structure.h"
#include "pdf/syntax.h"

typedef struct Element
{
	LcRole role;
	int mark;	/* its MCID */
	int number; /* of its object */
	const char *text;
	double left;
	double top;
	double box[4]; /* of a figure */
} Element;

struct LcStructure
{
	LcCanvas *canvas;
	StringInfo content;
	int first_mark;
	Element *elements; /* in the order of drawing, which is that of their marks */
	int count;
	int capacity;
};

LcStructure *
lc_structure_begin(LcCanvas *canvas, StringInfo content, int first_mark)
{
	LcStructure *structure = palloc0(sizeof(LcStructure));

	structure->canvas = canvas;
	structure->content = content;
	structure->first_mark = first_mark;
	structure->capacity = 8;
	structure->elements = palloc(sizeof(Element) * structure->capacity);
	return structure;
}

void
lc_structure_open(LcStructure *structure, LcRole role, const char *text, double left, double top)
{
	Element *element;

	if (structure->count == structure->capacity)
	{
		structure->capacity *= 2;
		structure->elements = repalloc(structure->elements, sizeof(Element) * structure->capacity);
	}
	element = &structure->elements[structure->count];
	memset(element, 0, sizeof(Element));
	element->role = role;
	element->mark = structure->first_mark + structure->count++;
	element->text = text;
	element->left = left;
	element->top = top;
	appendStringInfo(structure->content, "/%s <</MCID %d>> BDC\n",
					 role == LC_ROLE_FIGURE ? "Figure" : "P", element->mark);
}

void
lc_structure_box(LcStructure *structure, const double *box)
{
	memcpy(structure->elements[structure->count - 1].box, box, sizeof(double[4]));
}

void
lc_structure_open_artifact(LcStructure *structure)
{
	appendStringInfoString(structure->content, "/Artifact BMC\n");
}

void
lc_structure_close(LcStructure *structure)
{
	appendStringInfoString(structure->content, "EMC\n");
}

/* From the top to the bottom, then from the left to the right, then as drawn. */
static int
compare_places(const void *a, const void *b)
{
	const Element *left = *(const Element *const *) a;
	const Element *right = *(const Element *const *) b;

	if (left->top != right->top)
		return left->top > right->top ? -1 : 1;
	if (left->left != right->left)
		return left->left < right->left ? -1 : 1;
	return left->mark - right->mark;
}

static void
add_element(const LcStructure *structure, const Element *element, int parent)
{
	bool is_figure = element->role == LC_ROLE_FIGURE;
	StringInfoData entries;

	initStringInfo(&entries);
	appendStringInfo(&entries, "/S /%s /P %d 0 R /Pg %d 0 R /K %d /%s ", is_figure ? "Figure" : "P",
					 parent, lc_canvas_page(structure->canvas), element->mark,
					 is_figure ? "Alt" : "ActualText");
	lc_pdf_text(&entries, NULL, element->text);
	if (is_figure)
	{
		appendStringInfoString(&entries, " /A << /O /Layout /BBox [");
		lc_pdf_numbers(&entries, 4, element->box[0], element->box[1], element->box[2], element->box[3]);
		appendStringInfoString(&entries, "] >>");
	}
	lc_canvas_object(structure->canvas, element->number, entries.data, entries.len);
}

char *
lc_structure_finish(LcStructure *structure)
{
	LcCanvas *canvas = structure->canvas;
	int count = structure->count;
	const Element **order = palloc(sizeof(Element *) * (count + 1));
	int root = lc_canvas_reserve(canvas);
	int document = lc_canvas_reserve(canvas);
	StringInfoData entries;
	char *catalog;
	int i;

	for (i = 0; i < count; i++)
	{
		structure->elements[i].number = lc_canvas_reserve(canvas);
		add_element(structure, &structure->elements[i], document);
		order[i] = &structure->elements[i];
	}
	qsort(order, count, sizeof(Element *), compare_places);

	initStringInfo(&entries);
	appendStringInfo(&entries, "/S /Document /P %d 0 R /K [", root);
	for (i = 0; i < count; i++)
		appendStringInfo(&entries, "%d 0 R ", order[i]->number);
	appendStringInfoChar(&entries, ']');
	lc_canvas_object(canvas, document, entries.data, entries.len);

	/* Which element a mark belongs to; those before the first are of the template, and artifacts. */
	initStringInfo(&entries);
	appendStringInfo(&entries, "/Type /StructTreeRoot /K %d 0 R /ParentTree << /Nums [0 [", document);
	for (i = 0; i < structure->first_mark; i++)
		appendStringInfoString(&entries, "null ");
	for (i = 0; i < count; i++)
		appendStringInfo(&entries, "%d 0 R ", structure->elements[i].number);
	appendStringInfoString(&entries, "]] >> /ParentTreeNextKey 1");
	lc_canvas_object(canvas, root, entries.data, entries.len);

	catalog = psprintf("/StructTreeRoot %d 0 R /MarkInfo << /Marked true >>", root);
	lc_canvas_catalog(canvas, catalog, strlen(catalog));
	return pstrdup("/StructParents 0 /Tabs /S");
}
