# SPDX-License-Identifier: GPL-2.0
# Turns what a guest left into TAP. Files: splats (patterns), console.log, results. Variables: prefix; ending, which
# is "finished" or how the boot failed; planned, the names that had to run.
#
# Every way to fail is its own line: a test's own "not ok", a status without one, a timeout, no result at all, fewer
# results than planned, a splat in the kernel log between the test's marks or outside any, a test that a dying guest
# left unfinished or never reached.

function report(word, name, text) {
	printf "%s - %s/%s%s\n", word, prefix, name, text == "" ? "" : ": " text
	if (word == "not ok")
		bad++
}

function fail(name, text) {
	report("not ok", name, text)
}

function remember(line) {
	if (lines < 40)
		kept[lines++] = line
}

function show_kept(   i) {
	for (i = 0; i < lines; i++)
		print "#   " kept[i]
}

function close_test(name, status, seconds,   before) {
	before = bad
	if (status == 124 || status == 137)
		fail(name, "timeout after " seconds " s")
	else if (status != 0 && !nots)
		fail(name, "exit status " status)
	else if (status == 0 && !results && !skipped)
		fail(name, "printed no TAP result")
	else if (plan && plan != results)
		fail(name, "planned " plan " results, printed " results)
	if (name in splat)
		fail(name, "splat in the kernel log: " splat[name])
	if (bad > before || nots)
		show_kept()
}

FNR == 1 {
	file++
}

file == 1 {
	if ($0 !~ /^#/ && $0 != "")
		pattern[patterns++] = $0
	next
}

# console.log
file == 2 {
	sub(/\r$/, "")
	if (match($0, /hmm_p2p_lab: begin /)) {
		inside = substr($0, RSTART + RLENGTH)
		marked[inside] = started = 1
		next
	}
	if (/hmm_p2p_lab: end /) {
		inside = ""
		next
	}
	if (!started)
		next
	for (i = 0; i < patterns; i++) {
		if ($0 ~ pattern[i]) {
			where = inside == "" ? "console" : inside
			if (!(where in splat))
				splat[where] = /Call Trace:/ ? subject : $0
			break
		}
	}
	# what a bare back trace is about stands some lines before it
	if (!/CPU: |Hardware name: |Tainted: /)
		subject = $0
	next
}

# results
/^@begin / {
	open_test = $2
	seen[$2] = 1
	results = plan = nots = skipped = lines = 0
	next
}

/^@end / {
	close_test($2, $3, $4)
	open_test = ""
	next
}

# What is wrong elsewhere and known: no failure, but when it is gone it is said.
/^not ok[ \t].*#[ \t]*[Tt][Oo][Dd][Oo]/ {
	sub(/^not ok[ \t]*[0-9]*[ \t]*(- )?/, "")
	results++
	printf "not ok - %s/%s: %s\n", prefix, open_test, $0
	next
}

/^ok[ \t].*#[ \t]*[Tt][Oo][Dd][Oo]/ {
	print "#| gone, so its mark can go: " prefix "/" open_test ": " $0
}

/^not ok([ \t]|$)/ {
	sub(/^not ok[ \t]*[0-9]*[ \t]*(- )?/, "")
	results++
	nots++
	fail(open_test, $0)
	next
}

/^ok([ \t]|$)/ {
	sub(/^ok[ \t]*[0-9]*[ \t]*(- )?/, "")
	results++
	report("ok", open_test, $0)
	next
}

/^1\.\.[0-9]+/ {
	plan += substr($1, 4)
	if (/^1\.\.0[ \t]+#[ \t]*[Ss][Kk][Ii][Pp]/) {
		skipped = 1
		sub(/^1\.\.0[ \t]*/, "")
		report("ok", open_test, $0)
	}
	next
}

/^Bail out!/ {
	nots++
	results++
	fail(open_test, $0)
	next
}

# a table that is worth seeing
/^#\|/ {
	print
	next
}

{
	if ($0 != "")
		remember($0)
}

END {
	if (open_test != "") {
		fail(open_test, ending == "finished" ? "did not end" : ending)
		if (open_test in splat)
			remember("kernel log: " splat[open_test])
		show_kept()
	} else if (ending != "finished") {
		fail("boot", ending)
	}
	n = split(planned, names, " ")
	for (i = 1; i <= n; i++)
		if (!(names[i] in seen))
			fail(names[i], "not run")
	if ("console" in splat)
		fail("console", "splat in the kernel log: " splat["console"])
	for (name in seen)
		if (!(name in marked))
			fail(name, "has no mark in the kernel log, so its splats cannot be seen")
	if (bad)
		print "# logs: " logs
}
