# Writes the rows of a table (id, country, amount) into one file a country.
set -eu
mkdir -p "$2"
while IFS=, read -r id country amount; do
  [ "$id" = id ] || echo "$id,$amount" >> "$2/$country.csv"
done < "$1"
