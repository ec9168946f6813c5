// Debian puts the headers below /usr/include, so no pkg-config flags are needed.
#ifndef CRDKAFKA_SHIM_H
#define CRDKAFKA_SHIM_H

#include <librdkafka/rdkafka.h>
// The in-memory cluster that tests use where no broker binary is at hand.
#include <librdkafka/rdkafka_mock.h>

/// Queues one record; everything is copied. Swift cannot call the variadic producev, and produceva's argument array is best built here, on the stack.
///
/// A NULL key or value with its `has_` flag unset is Kafka's null; with the flag set and size 0 it is empty. `headers` may be NULL and is always
/// taken over: librdkafka owns it on success, it is destroyed here on failure. The error object is destroyed here too, so it cannot leak.
static inline rd_kafka_resp_err_t crdkafka_produce(
    rd_kafka_t *client, rd_kafka_topic_t *topic, int32_t partition, int has_key, const void *key, size_t key_size, int has_value,
    const void *value, size_t value_size, int64_t timestamp_ms, rd_kafka_headers_t *headers, void *opaque) {
    static const char empty[1] = "";
    rd_kafka_vu_t arguments[8];
    size_t count = 0;
    arguments[count].vtype = RD_KAFKA_VTYPE_RKT;
    arguments[count++].u.rkt = topic;
    arguments[count].vtype = RD_KAFKA_VTYPE_PARTITION;
    arguments[count++].u.i32 = partition;
    arguments[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    arguments[count++].u.i = RD_KAFKA_MSG_F_COPY;
    if (has_key) {
        arguments[count].vtype = RD_KAFKA_VTYPE_KEY;
        arguments[count].u.mem.ptr = (void *)(key_size ? key : empty);
        arguments[count++].u.mem.size = key_size;
    }
    if (has_value) {
        arguments[count].vtype = RD_KAFKA_VTYPE_VALUE;
        arguments[count].u.mem.ptr = (void *)(value_size ? value : empty);
        arguments[count++].u.mem.size = value_size;
    }
    arguments[count].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    arguments[count++].u.i64 = timestamp_ms;
    arguments[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
    arguments[count++].u.ptr = opaque;
    if (headers) {
        arguments[count].vtype = RD_KAFKA_VTYPE_HEADERS;
        arguments[count++].u.headers = headers;
    }
    rd_kafka_error_t *error = rd_kafka_produceva(client, arguments, count);
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers) rd_kafka_headers_destroy(headers);
    return code;
}

#endif
