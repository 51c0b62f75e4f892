# learning_credentials: make demo | make test | make bench | make bench-large [ROWS=10000000] | make soak [MINUTES=30] | make fuzz [SECONDS=60] | make memcheck | make pictures | the usual PGXS targets
EXTENSION = learning_credentials
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(EXTENSION).control)

MODULE_big = $(EXTENSION)
OBJS = \
	src/learning_credentials.o \
	src/access.o \
	src/answer.o \
	src/archive.o \
	src/asset.o \
	src/cache.o \
	src/callable.o \
	src/caller.o \
	src/catch.o \
	src/change.o \
	src/context.o \
	src/deadline.o \
	src/definition.o \
	src/design.o \
	src/due.o \
	src/eligibility.o \
	src/enqueue.o \
	src/exception.o \
	src/event.o \
	src/executor.o \
	src/guard.o \
	src/hold.o \
	src/hidden.o \
	src/holder.o \
	src/history.o \
	src/history_note.o \
	src/history_proof.o \
	src/history_seal.o \
	src/history_tree.o \
	src/history_verify.o \
	src/identity.o \
	src/issue.o \
	src/judge.o \
	src/lifecycle.o \
	src/lookup.o \
	src/name.o \
	src/options.o \
	src/place.o \
	src/plan.o \
	src/replace.o \
	src/request.o \
	src/requirement.o \
	src/retire.o \
	src/retrieval.o \
	src/run.o \
	src/schedule.o \
	src/schedule_text.o \
	src/scheduler.o \
	src/shortfall.o \
	src/slot.o \
	src/spi.o \
	src/standing.o \
	src/step.o \
	src/uuid.o \
	src/validate.o \
	src/validity.o \
	src/verification.o \
	src/wakeup.o \
	src/worker.o \
	src/pdf/base14.o \
	src/pdf/canvas.o \
	src/pdf/cff.o \
	src/pdf/elements.o \
	src/pdf/flate.o \
	src/pdf/font.o \
	src/pdf/fontcut.o \
	src/pdf/fontfile.o \
	src/pdf/fontref.o \
	src/pdf/generate_pdf.o \
	src/pdf/hidden.o \
	src/pdf/image.o \
	src/pdf/itemize.o \
	src/pdf/jpegfile.o \
	src/pdf/layout.o \
	src/pdf/pack.o \
	src/pdf/placeholder.o \
	src/pdf/qr.o \
	src/pdf/scan.o \
	src/pdf/seal.o \
	src/pdf/shape.o \
	src/pdf/show.o \
	src/pdf/structure.o \
	src/pdf/survey.o \
	src/pdf/syntax.o \
	src/pdf/template.o \
	src/pdf/template_objects.o \
	src/pdf/template_read.o \
	src/pdf/template_streams.o \
	src/pdf/typeset.o \
	src/pdf/unicode.o \
	src/pdf/unfilter.o

# The install script, one file a topic, in the order they are run.
SQL_PARTS = \
	sql/schema.sql \
	sql/asset.sql \
	sql/source.sql \
	sql/definition.sql \
	sql/schedule.sql \
	sql/retrieval.sql \
	sql/credential.sql \
	sql/exception.sql \
	sql/run.sql \
	sql/document.sql \
	sql/issue.sql \
	sql/plan.sql \
	sql/dates.sql \
	sql/correction.sql \
	sql/privacy.sql \
	sql/bulk.sql \
	sql/exchange.sql \
	sql/worker.sql \
	sql/history.sql \
	sql/verification.sql \
	sql/api.sql \
	sql/verify_page.sql \
	sql/health.sql \
	sql/access.sql

# Lines "@include FILE" of the install script stand for these.
SQL_INCLUDED = \
	sql/page/page.css \
	sql/page/page.html \
	sql/page/page.js \
	sql/page/texts/ar.json \
	sql/page/texts/de.json \
	sql/page/texts/en.json \
	sql/page/texts/es.json \
	sql/page/texts/fr.json

DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql

# Tests by name: a list that comes up empty would pass. Names must differ from those in SQL_PARTS,
# because pg_regress looks into sql/ first. All share a database in which the first makes the extension.
REGRESS = \
	setup \
	definitions \
	lifecycle \
	issuing \
	planning \
	exceptions \
	rights \
	levels \
	access_objects \
	identifiers \
	merging \
	pdf_options \
	validation \
	metadata \
	verify_pages \
	validity \
	corrections \
	retiring \
	name_matching \
	rest_answers \
	retrieval_cases \
	retrieval_rows \
	schedule_texts \
	schedule_times \
	schedule_configurations \
	template_warnings \
	health_findings \
	bulk_functions \
	import_export \
	history_log
REGRESS_OPTS = --inputdir=test --encoding=UTF8 --no-locale
ISOLATION = \
	retire \
	hide_names \
	issue_twice \
	reissue_generate \
	reissue_twice \
	invalidate_reissue \
	retry_twice \
	dates_twice \
	correct_run \
	runs \
	schedule_due \
	bulk_twice \
	import_twice \
	definitions_rights \
	access_twice \
	exceptions_runs
ISOLATION_OPTS = --inputdir=test --outputdir=.
TAP_TESTS = 1
PROVE_TESTS = \
	test/t/010_template_fidelity.pl \
	test/t/011_sealing.pl \
	test/t/012_hostile_templates.pl \
	test/t/013_templates_of_programs.pl \
	test/t/014_changed_templates.pl \
	test/t/015_filters.pl \
	test/t/020_fonts.pl \
	test/t/021_hostile_fonts_images.pl \
	test/t/022_text_layer.pl \
	test/t/023_scripts.pl \
	test/t/024_font_files.pl \
	test/t/030_documents.pl \
	test/t/031_structure.pl \
	test/t/040_bisecting.pl \
	test/t/041_pending.pl \
	test/t/050_caches.pl \
	test/t/060_schedule.pl \
	test/t/061_retrieval.pl \
	test/t/063_deadlines.pl \
	test/t/064_notify.pl \
	test/t/065_pg_cron.pl \
	test/t/066_listening.pl \
	test/t/070_worker.pl \
	test/t/071_worker_databases.pl \
	test/t/072_worker_processes.pl \
	test/t/073_start_worker.pl \
	test/t/074_exceptions.pl \
	test/t/100_dump_restore.pl \
	test/t/101_access_update.pl \
	test/t/102_export.pl \
	test/t/110_crash.pl \
	test/t/111_crash_matrix.pl \
	test/t/112_interference.pl \
	test/t/113_queue.pl \
	test/t/114_poison.pl \
	test/t/115_cancel.pl \
	test/t/120_concurrency.pl \
	test/t/121_beside.pl \
	test/t/130_load.pl \
	test/t/140_reference.pl \
	test/t/141_examples.pl \
	test/t/150_verify_page.pl \
	test/t/160_rest.pl \
	test/t/161_rest_view.pl \
	test/t/162_deployment.pl \
	test/t/170_rest_answers.pl \
	test/t/180_history.pl \
	test/t/181_sealing.pl

LIBRARIES = fribidi harfbuzz harfbuzz-subset icu-i18n icu-uc libcrypto libjpeg libpng libqpdf libqrencode uuid zlib
# ICU 78 and libqpdf 12 ask for a version of C++ also where C is compiled.
PG_CPPFLAGS = -I$(srcdir)/src $(filter-out -std=%,$(shell pkg-config --cflags $(LIBRARIES) 2>/dev/null))
PG_CFLAGS = -Wextra -Werror -Wno-unused-parameter -fexceptions
SHLIB_LINK = -lhpdf $(shell pkg-config --libs $(LIBRARIES) 2>/dev/null) -lstdc++
EXTRA_CLEAN = build results

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

all:

# ---- what works before anything is installed -------------------------------------------------
.PHONY: demo test bench bench-large soak fuzz memcheck pictures
demo test bench bench-large soak memcheck pictures:
	@test/with_packages.sh $@

# SECONDS for each target; bash has a variable of that name itself.
fuzz:
	@FUZZ_SECONDS=$(or $(SECONDS),60) test/with_packages.sh $@

print-%:
	@echo $($*)

# ---- layout ----------------------------------------------------------------------------------
.PHONY: format
format:
	clang-format -i src/*.[ch] src/*.cpp src/pdf/*.[ch] test/fuzz/*.[ch]

# ---- the usual targets -----------------------------------------------------------------------
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)

$(DATA_built): $(SQL_PARTS) $(SQL_INCLUDED) $(EXTENSION).control
	awk '$$1 != "@include" { print; next } \
		{ while ((got = (getline line < $$2)) > 0) print line; if (got < 0) { print FILENAME ": no " $$2 >"/dev/stderr"; exit 1 } }' \
		$(SQL_PARTS) >$@

$(OBJS): $(wildcard $(srcdir)/src/*.h $(srcdir)/src/pdf/*.h) | libraries

.PHONY: libraries
libraries:
	@pkg-config --exists --print-errors $(LIBRARIES) 'harfbuzz-subset >= 6.0' || \
		{ echo "HarfBuzz 6.0 or newer, with harfbuzz-subset, is in Debian 12, Ubuntu 24.04, and newer" >&2; exit 1; }
else
all install installcheck clean:
	@echo "$(PG_CONFIG) --pgxs leads nowhere: install PostgreSQL's server headers, or say PG_CONFIG=..." >&2; exit 1
endif
