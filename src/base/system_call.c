/*
 * Where the hook stands that tests set; see system_call.h, which does the rest in line.
 */
#include "base/system_call.h"

torc__system_call_hook *torc__system_call_hooked;

void torc__set_system_call_hook(torc__system_call_hook *hook)
{
    torc__system_call_hooked = hook;
}
