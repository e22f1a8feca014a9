/* SPDX-License-Identifier: GPL-2.0 */
/* json-c without its error returns: without memory the program ends. */
#ifndef HMMP2P_JSON_H
#define HMMP2P_JSON_H

#include <json-c/json.h>

#include "hmmp2p.h"

/* An object that says what it is: {"schema": "hmmp2p.list.1"}. */
struct json_object *json_top(const char *schema);

/* Print with a newline, and free. */
void json_print(struct json_object *top);

/* The same on one line. */
void json_print_line(struct json_object *top);

/* A new, empty object or array inside another one. */
struct json_object *json_put_object(struct json_object *in, const char *key);
struct json_object *json_put_array(struct json_object *in, const char *key);
struct json_object *json_append_object(struct json_object *array);

void json_put_int(struct json_object *in, const char *key, int64_t value);
void json_put_u64(struct json_object *in, const char *key, uint64_t value);
void json_put_double(struct json_object *in, const char *key, double value);
void json_put_bool(struct json_object *in, const char *key, bool value);
void json_put_null(struct json_object *in, const char *key);
void json_put_text(struct json_object *in, const char *key, const char *text);
void json_append_text(struct json_object *array, const char *text);

/* As json_put_text() and json_put_u64(), "no path" becoming "no_path". */
void json_put_word(struct json_object *in, const char *key, const char *words);
void json_put_reasons(struct json_object *in, const char *key,
		      const __u64 reasons[HMM_P2P_REASON_SLOTS]);

/* id, name and bus of a device. */
void json_put_device(struct json_object *in,
		     const struct hmm_p2p_device_info *info);

/* "error": null, or what went wrong. */
void json_put_error(struct json_object *in, int err, enum hmm_p2p_call call);

#endif /* HMMP2P_JSON_H */
