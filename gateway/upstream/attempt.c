/* attempt.c - source.h's calls on any attempt, whichever source it came from. */
#include "gateway/net/source.h"

void gw_attempt_cancel(struct gw_attempt *a)
{
    a->ops->cancel(a);
}

void gw_attempt_pause(struct gw_attempt *a)
{
    a->ops->pause(a);
}

void gw_attempt_resume(struct gw_attempt *a)
{
    a->ops->resume(a);
}
