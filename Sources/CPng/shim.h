// Debian puts the header where the compiler looks for it, so no pkg-config flags are needed.
// Only libpng's simplified interface is used: the other leaves by longjmp, which Swift cannot cross.
#include <png.h>
