#!/bin/sh
# Fetches the Kafka broker of the tests into data/kafka-for-tests, once; needs Maven and Java.
set -eu
cd "$(dirname "$0")/../.."
into=data/kafka-for-tests
sum=$(cksum <tests/setup/kafka/pom.xml)
if [ "$(cat "$into/.fetched" 2>/dev/null)" = "$sum" ]; then exit 0; fi
echo "Fetching the Kafka broker that the tests run against"
rm -rf "$into"
mkdir -p "$into"
if ! mvn -q -B -f tests/setup/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$PWD/$into" >"$into/maven.log" 2>&1; then
    cat "$into/maven.log" >&2
    echo "Kafka could not be fetched: the reason is above" >&2
    exit 1
fi
echo "$sum" >"$into/.fetched"
