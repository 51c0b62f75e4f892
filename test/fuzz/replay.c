/*
 * test/fuzz/replay.c
 *		Runs inputs once, without libFuzzer: any compiler with sanitizers will do.
 *
 * Arguments are files and folders of files. The last line is how many inputs there were.
 */
#include "postgres.h"

#include <dirent.h>
#include <sys/stat.h>

#include "harness.h"

static int inputs;

size_t
LLVMFuzzerMutate(uint8 *data, size_t size, size_t max_size)
{
	return size;
}

static void
run_file(const char *path, off_t size)
{
	uint8 *data = malloc(size); /* of exactly its size, to see what reads beyond it */
	FILE *file = fopen(path, "rb");

	if (file == NULL || fread(data, 1, size, file) != (size_t) size)
		fuzz_find("cannot read %s", path);
	fclose(file);
	fprintf(stderr, "%s\n", path);
	(void) LLVMFuzzerTestOneInput(data, size);
	free(data);
	inputs++;
}

static void
run_path(const char *path)
{
	struct stat status;
	struct dirent **entries;
	int count;

	if (stat(path, &status) != 0)
		fuzz_find("there is no %s", path);
	if (!S_ISDIR(status.st_mode))
	{
		run_file(path, status.st_size);
		return;
	}
	count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++)
	{
		char inner[MAXPGPATH];

		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			run_path(inner);
		free(entries[i]);
	}
	free(entries);
}

int
main(int argc, char **argv)
{
	(void) LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	printf("%d\n", inputs);
	return inputs > 0 ? 0 : 1;
}
