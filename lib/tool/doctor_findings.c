// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor: what has been found, for a person and as JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "doctor.h"
#include "json.h"

static const char *const state_names[FINDING_STATES] = {
	[FINDING_OK] = "ok",
	[FINDING_WARNING] = "warning",
	[FINDING_MISSING] = "missing",
};

void find(struct doctor *doctor, enum finding_state state, const char *cure,
	  const char *fmt, ...)
{
	struct finding *finding;
	va_list args;

	doctor->findings = xrealloc(doctor->findings, doctor->nr + 1,
				    sizeof(*doctor->findings));
	finding = &doctor->findings[doctor->nr++];
	finding->state = state;
	finding->cure = cure ? xasprintf("%s", cure) : NULL;
	va_start(args, fmt);
	finding->what = xvasprintf(fmt, args);
	va_end(args);
}

size_t findings_count(const struct doctor *doctor, enum finding_state state)
{
	size_t i, nr = 0;

	for (i = 0; i < doctor->nr; i++)
		nr += doctor->findings[i].state == state;
	return nr;
}

void findings_print(const struct doctor *doctor)
{
	size_t i, missing = findings_count(doctor, FINDING_MISSING);

	for (i = 0; i < doctor->nr; i++) {
		const struct finding *finding = &doctor->findings[i];

		printf("%-8s %s%s%s\n", state_names[finding->state], finding->what,
		       finding->cure ? ": " : "", finding->cure ? finding->cure : "");
	}
	if (missing)
		printf("\n%zu missing\n", missing);
	else
		puts("\nnothing is missing");
}

void findings_print_json(const struct doctor *doctor)
{
	struct json_object *top = json_top("hmmp2p.doctor.1");
	struct json_object *array = json_put_array(top, "findings"), *object;
	size_t i;

	for (i = 0; i < doctor->nr; i++) {
		const struct finding *finding = &doctor->findings[i];

		object = json_append_object(array);
		json_put_text(object, "state", state_names[finding->state]);
		json_put_text(object, "what", finding->what);
		if (finding->cure)
			json_put_text(object, "cure", finding->cure);
		else
			json_put_null(object, "cure");
	}
	json_put_u64(top, "missing", findings_count(doctor, FINDING_MISSING));
	json_put_u64(top, "warnings", findings_count(doctor, FINDING_WARNING));
	json_print(top);
}

void findings_free(struct doctor *doctor)
{
	while (doctor->nr) {
		free(doctor->findings[--doctor->nr].what);
		free(doctor->findings[doctor->nr].cure);
	}
	free(doctor->findings);
}
