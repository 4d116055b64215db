# watched-java.sh LOG FOLDER ARGUMENTS...: runs java until it ends, or until standard input closes: whoever started it is gone.
# Prints the process id of java. Removes FOLDER when it was left alone.
log=$1 folder=$2
shift 2
exec 3<&0
java "$@" >>"$log" 2>&1 3<&- </dev/null &
java=$!
echo "$java"
(read -r _ <&3; kill -9 "$java" && rm -rf "$folder") 2>/dev/null &
watch=$!
exec 3<&- >&- 2>&-
trap : TERM INT HUP
wait "$java"
while kill -0 "$java" 2>/dev/null; do wait "$java"; done
kill "$watch"
