#include "CSQLiteVFS.h"
