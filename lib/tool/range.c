// SPDX-License-Identifier: GPL-2.0
/* Ranges of addresses, as a person writes them. */
#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>

#include "range.h"

static int digit_value(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	if (isxdigit((unsigned char)c))
		return tolower((unsigned char)c) - 'a' + 10;
	return -1;
}

/* Returns NULL and moves @at behind the digits, or what is wrong. */
static const char *parse_digits(const char **at, uint64_t *value)
{
	unsigned int base = 10;
	const char *c = *at;
	int digit;

	if (c[0] == '0' && (c[1] == 'x' || c[1] == 'X')) {
		base = 16;
		c += 2;
	}
	if (digit_value(*c) < 0)
		return "a number is missing";
	for (*value = 0; (digit = digit_value(*c)) >= 0; c++) {
		if (digit >= (int)base)
			return "a hexadecimal number needs 0x in front";
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, (uint64_t)digit, value))
			return "a number is too large";
	}
	*at = c;
	return NULL;
}

static unsigned int suffix_shift(char c)
{
	switch (toupper((unsigned char)c)) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	case 'T':
		return 40;
	default:
		return 0;
	}
}

static const char *parse_number(const char **at, uint64_t *value)
{
	const char *problem = parse_digits(at, value);
	unsigned int shift;

	if (problem)
		return problem;
	shift = suffix_shift(**at);
	if (!shift)
		return NULL;
	++*at;
	if (*value > UINT64_MAX >> shift)
		return "a number is too large";
	*value <<= shift;
	return NULL;
}

const char *range_parse(const char *text, struct range *range)
{
	const char *problem = parse_number(&text, &range->addr);
	uint64_t second;
	bool is_end;

	if (problem)
		return problem;
	if (*text != '-' && *text != '+')
		return "START-END or START+LENGTH is expected";
	is_end = *text++ == '-';
	problem = parse_number(&text, &second);
	if (problem)
		return problem;
	if (*text)
		return "there is something behind the second number";

	if (is_end && second < range->addr)
		return "the end lies before the start";
	range->length = is_end ? second - range->addr : second;
	if (!range->length)
		return "the range is empty";
	if (range->addr + range->length < range->addr)
		return "the range goes past the last address";
	return NULL;
}
