// Debian puts the header where the compiler looks for it, so no pkg-config flags are needed.
// libcurl's setters are variadic, which Swift cannot call: one typed wrapper a kind of argument.
#define CURL_DISABLE_TYPECHECK
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static inline CURLcode ccurl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

static inline CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value) { return curl_easy_setopt(easy, option, value); }
static inline CURLcode ccurl_set_offset(CURL *easy, CURLoption option, curl_off_t value) { return curl_easy_setopt(easy, option, value); }
static inline CURLcode ccurl_set_text(CURL *easy, CURLoption option, const char *value) { return curl_easy_setopt(easy, option, value); }
static inline CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, const void *value) { return curl_easy_setopt(easy, option, value); }
static inline CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) { return curl_easy_setopt(easy, option, value); }
static inline CURLcode ccurl_set_callback(CURL *easy, CURLoption option, curl_write_callback value) { return curl_easy_setopt(easy, option, value); }
static inline CURLcode ccurl_set_debug(CURL *easy, curl_debug_callback value) { return curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, value); }

static inline int ccurl_is_public_v4(const unsigned char *b) {
    if (b[0] == 0 || b[0] == 10 || b[0] == 127 || b[0] >= 224) return 0;
    if (b[0] == 100 && (b[1] & 0xc0) == 64) return 0;   // carriers' own networks, RFC 6598
    if (b[0] == 169 && b[1] == 254) return 0;           // link local; also where clouds keep their machines' secrets
    if (b[0] == 172 && (b[1] & 0xf0) == 16) return 0;
    if (b[0] == 192 && b[1] == 168) return 0;
    if (b[0] == 192 && b[1] == 0 && (b[2] == 0 || b[2] == 2)) return 0;
    if (b[0] == 192 && b[1] == 88 && b[2] == 99) return 0;
    if (b[0] == 198 && ((b[1] & 0xfe) == 18 || (b[1] == 51 && b[2] == 100))) return 0;
    if (b[0] == 203 && b[1] == 0 && b[2] == 113) return 0;
    return 1;
}

// Whether an address is of the public internet (IANA's special-purpose registries); every other one is not.
static inline int ccurl_is_public(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return ccurl_is_public_v4((const unsigned char *)&in.sin_addr);
    }
    if (address->sa_family != AF_INET6) return 0;
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    const unsigned char *b = (const unsigned char *)&in6.sin6_addr;
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const unsigned char translated[12] = {0, 0x64, 0xff, 0x9b};
    if (memcmp(b, mapped, 12) == 0 || memcmp(b, translated, 12) == 0) return ccurl_is_public_v4(b + 12);
    if (b[0] == 0x20 && b[1] == 0x02) return ccurl_is_public_v4(b + 2);                                     // 6to4
    if (b[0] == 0x20 && b[1] == 0x01 && ((b[2] == 0 && b[3] == 0) || (b[2] == 0x0d && b[3] == 0xb8))) return 0;  // Teredo, documentation
    return (b[0] & 0xe0) == 0x20;  // 2000::/3, all that is given out
}

// Opens a socket to public addresses only: after the look-up, so that no name can hide where it leads. Sets the int that it is given where it refuses.
static inline curl_socket_t ccurl_open_public(void *refused, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    if (!ccurl_is_public(&address->addr)) {
        *(int *)refused = 1;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}
static inline CURLcode ccurl_set_only_public(CURL *easy, int *refused) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, refused);
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, ccurl_open_public);
}
// For tests: an address in text form; -1 for what is none.
static inline int ccurl_is_public_text(const char *text) {
    struct sockaddr_in in = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) return ccurl_is_public((struct sockaddr *)&in);
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) return ccurl_is_public((struct sockaddr *)&in6);
    return -1;
}

static inline CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value) { return curl_multi_setopt(multi, option, value); }

static inline CURLcode ccurl_get_long(CURL *easy, CURLINFO info, long *value) { return curl_easy_getinfo(easy, info, value); }
static inline CURLcode ccurl_get_pointer(CURL *easy, void **value) { return curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)value); }

// The next finished transfer and its result, without the union that they come in; NULL when there is none.
static inline CURL *ccurl_multi_next_done(CURLM *multi, CURLcode *result) {
    int left = 0;
    for (CURLMsg *message = curl_multi_info_read(multi, &left); message != NULL; message = curl_multi_info_read(multi, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        *result = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}
