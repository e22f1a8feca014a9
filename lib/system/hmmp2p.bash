# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion of hmmp2p's command line in bash.

# The devices, as "hmmp2p list" names them.
_hmmp2p_devices() {
	hmmp2p list --json 2>/dev/null | sed -n 's/^ *"name": *"\([^"]*\)".*/\1/p'
}

_hmmp2p_processes() {
	(cd /proc && compgen -G '[0-9]*')
}

# What may follow the word $1, which wants a value; fails for any other word.
_hmmp2p_value() {
	case $1 in
	--importer | -i | --join | -J) _hmmp2p_devices ;;
	--to | -t) _hmmp2p_devices && echo ram ;;
	*) return 1 ;;
	esac
}

# What options the verb $1 has.
_hmmp2p_options() {
	local common='--json --bytes --help --usage --version'

	case $1 in
	topo) echo "--explain $common" ;;
	map) echo "--importer --ram $common" ;;
	migrate) echo "--to --no-evict --populate $common" ;;
	stat) echo "--watch --times $common" ;;
	owner) echo "--join $common" ;;
	doctor) echo "--report $common" ;;
	help) ;;
	*) echo "$common" ;;
	esac
}

# Words that are no options: devices, processes, verbs.
_hmmp2p_arguments() {
	case $1 in
	topo | stat | owner | drain) _hmmp2p_devices ;;
	map) _hmmp2p_processes ;;
	migrate) _hmmp2p_processes && echo all ;;
	help) echo "$_hmmp2p_verbs" ;;
	esac
}

_hmmp2p_verbs='list topo map migrate stat owner drain doctor help'

_hmmp2p() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb='' words i

	# Options of the program itself come before the verb.
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*) verb=${COMP_WORDS[i]} && break ;;
		esac
	done
	if ! words=$(_hmmp2p_value "$before"); then
		case $word,$verb in
		-*) words=$(_hmmp2p_options "$verb") ;;
		*,) words=$_hmmp2p_verbs ;;
		*) words=$(_hmmp2p_arguments "$verb") ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _hmmp2p hmmp2p
