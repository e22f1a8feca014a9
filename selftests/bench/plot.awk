# SPDX-License-Identifier: GPL-2.0
# What "bench --growth" printed becomes an SVG plot: a panel for each series, the cost of a page against that of the
# first row. Flat is good: the band is 10 % to either side of 1.

function panel(name) {
	if (!(name in panel_of)) {
		panel_of[name] = panels
		names[panels++] = name
	}
	return panel_of[name]
}

function note(p, line, x, value) {
	if (!((p, x) in place)) {
		place[p, x] = columns[p]++
		label[p, place[p, x]] = x
	}
	ratio[p, line, place[p, x]] = value
	if (value > top)
		top = value
}

BEGIN {
	width = 460; height = 300; left = 50; upper = 40; inner_w = width - left - 20; inner_h = height - upper - 45
	split("4KiB device,4KiB RAM,huge device,huge RAM", lines, ",")
	split("#1f77b4,#aec7e8,#d62728,#ff9896", colours, ",")
	top = 1.5; panels = 0
}

# SERIES OF PAGES NS RATIO NS RATIO
NF == 7 && $1 ~ /^(memory|devices|threads|processes|forked)$/ && $4 + 0 > 0 && $6 + 0 > 0 {
	p = panel($1)
	note(p, $3 " device", $2, $5)
	note(p, $3 " RAM", $2, $7)
}

function x_at(p, i) {
	return left + (columns[p] > 1 ? inner_w * i / (columns[p] - 1) : inner_w / 2)
}

function y_at(value) {
	return upper + inner_h * (1 - value / top)
}

function text(x, y, anchor, what) {
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, what
}

function axes(p,   value, i) {
	printf "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"#e8f4e8\"/>\n", left, y_at(1.1), inner_w,
		y_at(0.9) - y_at(1.1)
	for (value = 0; value <= top; value += top > 6 ? 2 : top > 3 ? 1 : 0.5) {
		printf "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ccc\"/>\n", left, left + inner_w,
			y_at(value), y_at(value)
		text(left - 6, y_at(value) + 4, "end", value)
	}
	for (i = 0; i < columns[p]; i++)
		text(x_at(p, i), upper + inner_h + 16, "middle", label[p, i])
	text(left + inner_w / 2, upper - 12, "middle", names[p] ": cost of a page against the first")
}

function curve(p, l,   i, points) {
	for (i = 0; i < columns[p]; i++)
		if ((p, lines[l], i) in ratio)
			points = points sprintf("%.1f,%.1f ", x_at(p, i), y_at(ratio[p, lines[l], i]))
	printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", points, colours[l]
}

function legend(line,   word) {
	split(line, word, " ")
	return word[1] " pages to " word[2]
}

END {
	if (!panels)
		exit 1
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n",
		2 * width, int((panels + 1) / 2) * height + 30
	print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
	for (p = 0; p < panels; p++) {
		printf "<g transform=\"translate(%d,%d)\">\n", p % 2 * width, int(p / 2) * height
		axes(p)
		for (l = 1; l <= 4; l++)
			curve(p, l)
		print "</g>"
	}
	for (l = 1; l <= 4; l++) {
		x = left + (l - 1) * 160
		y = int((panels + 1) / 2) * height + 10
		printf "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"4\" fill=\"%s\"/>\n", x, y, colours[l]
		text(x + 20, y + 6, "start", legend(lines[l]))
	}
	print "</svg>"
}
