# SPDX-License-Identifier: GPL-2.0
# The soak's table, from the TAP of its guest. Variables: programs, the names that had to run; prefix, what stands before
# a name. A program passes when it has its numbers and nothing of it failed; what failed elsewhere is a line of its own.

# "#| soak NAME SECONDS MOVES TO-DEVICES HOME SWAPPED MERGED CHECKS ERRORS"
$1 == "#|" && $2 == "soak" && NF == 11 {
	row[$3] = $0
	next
}

/^not ok - / {
	name = substr($0, length("not ok - " prefix) + 1)
	sub(/: .*/, "", name)
	if (index($4, prefix) != 1)
		name = $4
	bad[name]++
	why[++whys] = substr($0, length("not ok - ") + 1)
}

/^ok - / {
	passed++
}

function line(name, result,   field) {
	split(row[name], field)
	printf "%-16s %7s %6s %10s %10s %8s %8s %9s %6s  %s\n", name, field[4], field[5], field[6], field[7], field[8],
		field[9], field[10], field[11], result
}

END {
	printf "%-16s %7s %6s %10s %10s %8s %8s %9s %6s  %s\n", "PROGRAM", "SECONDS", "MOVES", "TO DEVICES", "HOME",
		"SWAPPED", "MERGED", "CHECKS", "ERRORS", "RESULT"
	n = split(programs, names, " ")
	for (i = 1; i <= n; i++) {
		name = names[i]
		if (!(name in row) && !(name in bad)) {
			bad[name]++
			why[++whys] = prefix name ": not run"
		}
		line(name, name in bad ? "FAIL" : "PASS")
	}
	for (i = 1; i <= whys; i++)
		print "not ok - " why[i]
	print whys || !passed ? "FAIL" : "PASS"
	exit whys || !passed
}
