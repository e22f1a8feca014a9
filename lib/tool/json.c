// SPDX-License-Identifier: GPL-2.0
/* json-c without its error returns: without memory the program ends. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static struct json_object *need(struct json_object *object)
{
	if (!object)
		out_of_memory();
	return object;
}

static void put(struct json_object *in, const char *key,
		struct json_object *value)
{
	if (json_object_object_add(in, key, value))
		out_of_memory();
}

static void append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value))
		out_of_memory();
}

/*
 * JSON is UTF-8, but a mapping may have the name of any file: what is not
 * ASCII becomes a question mark. Control characters json-c escapes itself.
 */
static struct json_object *text_object(const char *text)
{
	struct json_object *object;
	char *copy = strdup(text);
	char *c;

	if (!copy)
		out_of_memory();
	for (c = copy; *c; c++)
		if (!isascii((unsigned char)*c))
			*c = '?';
	object = need(json_object_new_string(copy));
	free(copy);
	return object;
}

struct json_object *json_top(const char *schema)
{
	struct json_object *top = need(json_object_new_object());

	json_put_text(top, "schema", schema);
	return top;
}

static void print_as(struct json_object *top, int flags)
{
	const char *text = json_object_to_json_string_ext(top, flags);

	if (!text)
		out_of_memory();
	puts(text);
	json_object_put(top);
}

void json_print(struct json_object *top)
{
	print_as(top, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
		      JSON_C_TO_STRING_NOSLASHESCAPE);
}

void json_print_line(struct json_object *top)
{
	print_as(top, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

struct json_object *json_put_object(struct json_object *in, const char *key)
{
	struct json_object *object = need(json_object_new_object());

	put(in, key, object);
	return object;
}

struct json_object *json_put_array(struct json_object *in, const char *key)
{
	struct json_object *array = need(json_object_new_array());

	put(in, key, array);
	return array;
}

struct json_object *json_append_object(struct json_object *array)
{
	struct json_object *object = need(json_object_new_object());

	append(array, object);
	return object;
}

void json_put_int(struct json_object *in, const char *key, int64_t value)
{
	put(in, key, need(json_object_new_int64(value)));
}

void json_put_u64(struct json_object *in, const char *key, uint64_t value)
{
	put(in, key, need(json_object_new_uint64(value)));
}

void json_put_double(struct json_object *in, const char *key, double value)
{
	put(in, key, need(json_object_new_double(value)));
}

void json_put_bool(struct json_object *in, const char *key, bool value)
{
	put(in, key, need(json_object_new_boolean(value)));
}

void json_put_null(struct json_object *in, const char *key)
{
	put(in, key, NULL);
}

void json_put_text(struct json_object *in, const char *key, const char *text)
{
	put(in, key, text_object(text));
}

void json_append_text(struct json_object *array, const char *text)
{
	append(array, text_object(text));
}

/* Room for any name of the library. */
#define WORD_MAX	64

static const char *one_word(const char *words, char word[WORD_MAX])
{
	char *c;

	snprintf(word, WORD_MAX, "%s", words);
	for (c = word; *c; c++)
		if (*c == ' ')
			*c = '_';
	return word;
}

void json_put_word(struct json_object *in, const char *key, const char *words)
{
	char word[WORD_MAX];

	json_put_text(in, key, one_word(words, word));
}

void json_put_reasons(struct json_object *in, const char *key,
		      const __u64 reasons[HMM_P2P_REASON_SLOTS])
{
	struct json_object *object = json_put_object(in, key);
	char word[WORD_MAX];
	unsigned int i;

	for (i = HMM_P2P_REASON_NONE + 1; i < HMM_P2P_REASON_COUNT; i++)
		json_put_u64(object, one_word(hmm_p2p_reason_name(i), word),
			     reasons[i]);
}

void json_put_device(struct json_object *in,
		     const struct hmm_p2p_device_info *info)
{
	json_put_int(in, "id", info->out_id);
	json_put_text(in, "name", device_name(info));
	json_put_text(in, "bus", device_bus(info));
}

void json_put_error(struct json_object *in, int err, enum hmm_p2p_call call)
{
	struct json_object *error;
	const char *name;

	if (!err) {
		json_put_null(in, "error");
		return;
	}
	error = json_put_object(in, "error");
	name = strerrorname_np(abs(err));
	json_put_int(error, "errno", abs(err));
	json_put_text(error, "name", name ? name : "unknown");
	json_put_text(error, "text", hmm_p2p_errno_text(err, call));
}
