// Debian puts the header below /usr/include, so no pkg-config flags are needed.
#include <zlib.h>
