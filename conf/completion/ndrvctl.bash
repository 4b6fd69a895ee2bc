# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of ndrvctl for bash. Commands, their options and the names of networks, endpoints and types come from ndrvctl itself, so
# that there is nothing here to keep in step.

# Names or types out of a list: the field of each object, one a line. Asks the host for a second at most.
_ndrvctl_ask() {
	timeout 1 ndrvctl "${@:2}" --json 2>/dev/null | sed -n "s/^      \"$1\": \"\([^\"]*\)\",\{0,1\}$/\1/p"
}

# The options of networks or endpoints of a type: _ndrvctl_options TYPE network|endpoint
_ndrvctl_options() {
	timeout 1 ndrvctl driver inspect "$1" --json 2>/dev/null |
		awk -v part="\"$2\": \\\\[\$" '$0 ~ part { on = 1; next } on && /^ *\]/ { on = 0 } on && /"name":/ { gsub(/[",]/, ""); print $2 "=" }'
}

# Completes -o KEY= by the table of the driver that is named on the line, or serves the network that is.
_ndrvctl_option() {
	local type="" i choices
	if [[ "$2 $3" == "network create" ]]; then
		for ((i = 1; i < COMP_CWORD; i++)); do
			[[ ${COMP_WORDS[i]} == -d || ${COMP_WORDS[i]} == --driver ]] && type=${COMP_WORDS[i + 1]}
		done
		choices=$(_ndrvctl_options "$type" network)
	elif [[ "$2 $3" == "network connect" ]]; then
		type=$(timeout 1 ndrvctl network inspect "$4" --json 2>/dev/null | sed -n 's/^  "type": "\([^"]*\)",\{0,1\}$/\1/p')
		choices=$(_ndrvctl_options "$type" endpoint)
	fi
	compopt -o nospace 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$1")
}

_ndrvctl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local words=() i choices
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket) ((i++)) ;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	COMPREPLY=()
	case $previous in
	--socket | --netns)
		compopt -o default 2>/dev/null
		return
		;;
	-d | --driver)
		choices=$(_ndrvctl_ask type driver ls)
		mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
		return
		;;
	-o | --opt)
		_ndrvctl_option "$current" "${words[@]:0:3}"
		return
		;;
	--network)
		choices=$(_ndrvctl_ask name network ls)
		mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
		return
		;;
	esac
	if [[ $current == -* ]]; then
		choices=$(ndrvctl "${words[@]:0:2}" --help 2>/dev/null | grep -o -e '--[a-z0-9-]*')
	elif ((${#words[@]} == 0)); then
		choices=$(ndrvctl --help | awk '/^  [a-z]/ { print $1 }' | sort -u)
	elif ((${#words[@]} == 1)); then
		choices=$(ndrvctl --help | awk -v group="${words[0]}" '/^  [a-z]/ && $1 == group { print $2 }')
		[[ ${words[0]} =~ ^(driver|network|endpoint|table|node|pool)$ ]] || choices=
	else
		case "${words[*]:0:2}" in
		"network inspect" | "network rm" | "network connect" | "endpoint ls") choices=$(_ndrvctl_ask name network ls) ;;
		"network disconnect")
			if ((${#words[@]} == 2)); then
				choices=$(_ndrvctl_ask name network ls)
			else
				choices=$(_ndrvctl_ask name endpoint ls "${words[2]}")
			fi
			;;
		"endpoint inspect") choices=$(_ndrvctl_ask name endpoint ls) ;;
		"driver inspect" | "driver pin" | "driver unload" | "driver rollback") choices=$(_ndrvctl_ask type driver ls) ;;
		"node rm") choices=$(_ndrvctl_ask node node ls) ;;
		"pool release") choices=$(_ndrvctl_ask id pool ls) ;;
		"driver load" | "driver swap")
			if [[ ${words[1]} == swap ]] && ((${#words[@]} == 2)); then
				choices=$(_ndrvctl_ask type driver ls)
				mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
				return
			fi
			compopt -o default 2>/dev/null
			return
			;;
		*) return ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
}

complete -F _ndrvctl ndrvctl
