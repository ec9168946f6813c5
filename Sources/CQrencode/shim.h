// Debian puts the header where the compiler looks for it, so no pkg-config flags are needed.
#include <qrencode.h>
